package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
)

const seats = 2

// course matches the events that a decision about the course depends on: it is the
// consistency boundary.
var course = dcb.Query{Items: []dcb.QueryItem{{
	Types: []string{"CourseOffered", "StudentEnrolled"},
	Tags:  []string{"course:go"},
}}}

// scenario is the state that the scenes share.
type scenario struct {
	store     dcb.EventStore
	ann       dcb.Event           // her enrolment
	condition dcb.AppendCondition // the condition of its append
	position  uint64              // the position of the event
}

func offered() dcb.Event {
	return dcb.Event{Type: "CourseOffered", Tags: []string{"course:go"}, Data: fmt.Appendf(nil, "%d seats", seats), UUID: uuid.NewString()}
}

func enrolled(student string) dcb.Event {
	return dcb.Event{Type: "StudentEnrolled", Tags: []string{"course:go", "student:" + student}, Data: []byte(student), UUID: uuid.NewString()}
}

// decisionModel returns the enrolled students, and the head at which they were read.
func (s *scenario) decisionModel(ctx context.Context) (students []string, head uint64, err error) {
	events, head, err := s.store.Read(ctx, course, dcb.ReadOptions{}).Collect()
	for _, e := range events {
		if e.Event.Type == "StudentEnrolled" {
			students = append(students, string(e.Event.Data))
		}
	}
	return students, head, err
}

func (s *scenario) annEnrols(ctx context.Context) error {
	if _, err := s.store.Append(ctx, []dcb.Event{offered()}, nil, nil); err != nil {
		return err
	}
	students, head, err := s.decisionModel(ctx)
	if err != nil {
		return err
	}
	say("the course has %d of %d seats taken, as of position %d: Ann may enrol", len(students), seats, head)
	s.ann, s.condition = enrolled("Ann"), dcb.AppendCondition{FailIfEventsMatch: course, After: head}
	s.position, err = s.store.Append(ctx, []dcb.Event{s.ann}, &s.condition, nil)
	if err != nil {
		return err
	}
	say("appended at position %d, on the condition that there are no events about the course after %d", s.position, head)
	return nil
}

func (s *scenario) bobIsTooLate(ctx context.Context) error {
	_, err := s.store.Append(ctx, []dcb.Event{enrolled("Bob")}, &s.condition, nil)
	if err := wantIntegrity(err, "an append on an old head"); err != nil {
		return err
	}
	say("Bob's append, also decided at position %d, is rejected:", s.condition.After)
	say("  %v", err)
	students, head, err := s.decisionModel(ctx)
	if err != nil {
		return err
	}
	say("he reads again (%d of %d seats are taken as of position %d) and decides again", len(students), seats, head)
	position, err := s.store.Append(ctx, []dcb.Event{enrolled("Bob")}, &dcb.AppendCondition{FailIfEventsMatch: course, After: head}, nil)
	if err != nil {
		return err
	}
	say("appended at position %d", position)
	return nil
}

func (s *scenario) annIsSentAgain(ctx context.Context) error {
	position, err := s.store.Append(ctx, []dcb.Event{s.ann}, &s.condition, nil)
	if err != nil {
		return err
	}
	if position != s.position {
		return fmt.Errorf("the retry returned position %d instead of %d", position, s.position)
	}
	head, err := s.store.Head(ctx)
	if err != nil {
		return err
	}
	say("Ann's append is recognised by its UUID: position %d again, and the head is still %d", position, head)
	return nil
}

func (s *scenario) courseIsFull(ctx context.Context) error {
	students, head, err := s.decisionModel(ctx)
	if err != nil {
		return err
	}
	if len(students) != seats {
		return fmt.Errorf("%d of %d seats are taken", len(students), seats)
	}
	say("%s have all %d seats as of position %d: Cleo's request ends here, nothing is appended", strings.Join(students, " and "), seats, head)
	return nil
}

func (s *scenario) subscribe(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	about := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"course:go"}}}}
	for e, err := range s.store.Subscribe(ctx, about, 0) {
		if err != nil {
			return err
		}
		say("%d  %-16s %s", e.Position, e.Event.Type, e.Event.Data)
		switch {
		case e.Event.Type == "CourseStarted":
			return nil
		case e.Event.Type == "StudentEnrolled" && string(e.Event.Data) == "Bob":
			say("these were stored; the subscription waits, and the course starts:")
			started := dcb.Event{Type: "CourseStarted", Tags: []string{"course:go"}, Data: []byte("Monday")}
			if _, err := s.store.Append(ctx, []dcb.Event{started}, nil, nil); err != nil {
				return err
			}
		}
	}
	return errors.New("the subscription ended unexpectedly")
}

func (s *scenario) paymentArrivesTwice(ctx context.Context) error {
	paid := dcb.Event{Type: "FeePaid", Tags: []string{"course:go", "student:Ann"}, UUID: uuid.NewString()}
	upstream := &dcb.TrackingInfo{Source: "payments", Position: 17}
	position, err := s.store.Append(ctx, []dcb.Event{paid}, nil, upstream)
	if err != nil {
		return err
	}
	say("payment %d is processed: its event is at position %d, and its own position is recorded with it", upstream.Position, position)
	_, err = s.store.Append(ctx, []dcb.Event{paid}, nil, upstream)
	if err := wantIntegrity(err, "a payment processed twice"); err != nil {
		return err
	}
	say("it arrives again, and is rejected:")
	say("  %v", err)
	last, _, err := s.store.GetTrackingInfo(ctx, upstream.Source)
	if err != nil {
		return err
	}
	say("after a crash, processing would continue after payment %d", last)
	return nil
}

// wantIntegrity returns an error unless err is an integrity error.
func wantIntegrity(err error, what string) error {
	switch {
	case err == nil:
		return fmt.Errorf("%s was not rejected", what)
	case !errors.Is(err, dcb.ErrIntegrity):
		return err
	}
	return nil
}
