package model

import (
	"fmt"
	"strings"
)

// describe returns a step as a sentence.
func (m *model) describe(before, after *state, s step) string {
	old, now := &before.nodes[s.node], &after.nodes[s.node]
	first := old.proposals[0].record
	name, index := fmt.Sprintf("node %d", s.node+1), m.index(first)
	var text string
	switch s.action {
	case send:
		text = fmt.Sprintf("%s receives %s", name, appends[s.other].name)
	case propose:
		text = name
		if arrived := (now.waiting | m.links[now.tip()].group) &^ (old.waiting | salts); arrived != 0 {
			text += fmt.Sprintf(" receives %v and", arrived)
		}
		text += fmt.Sprintf(" proposes %s", m.describeRecord(now.tip()))
	case land:
		text = fmt.Sprintf("the engine adds %s from %s", m.describeRecord(chain(s.other)), name)
	case landLate:
		text = fmt.Sprintf("the engine adds %s, which arrived late", m.describeRecord(chain(s.other)))
	case succeed:
		text = fmt.Sprintf("%s learns that it added %s", name, m.describeRecord(first))
	case recognise:
		text = fmt.Sprintf("%s does not learn the outcome, and recognises the record at %d", name, index)
	case lose:
		text = fmt.Sprintf("%s learns that index %d has another record", name, index)
		if index <= before.trimmed {
			text = fmt.Sprintf("%s learns that index %d is trimmed, and expects another record there", name, index)
		}
	case refused:
		text = fmt.Sprintf("%s learns that %s was refused when it arrived", name, m.describeRecord(first))
		if old.proposals[0].landed {
			text += " again"
		}
	case leaveUnknown:
		text = fmt.Sprintf("%s does not learn the outcome, and index %d is trimmed", name, index)
	case fail:
		text = fmt.Sprintf("%s does not learn the outcome", name)
	case resend:
		text = fmt.Sprintf("%s does not learn the outcome, reads no record at %d, and proposes %s",
			name, index, m.describeRecord(now.tip()))
	case follow:
		text = fmt.Sprintf("%s applies %s", name, m.describeRecord(now.local))
	case trim:
		text = fmt.Sprintf("the engine trims index %d, which %s and node %d have", after.trimmed, name, s.other+1)
	case restart:
		text = fmt.Sprintf("%s restarts with its log up to %d", name, s.other)
		if m.links[now.local].group == closeRecord {
			text = fmt.Sprintf("%s closes with a record at %d", name, m.index(now.local))
		}
	case startRead:
		text = fmt.Sprintf("%s receives a fresh read", name)
	case forward:
		text = fmt.Sprintf("%s receives %s and forwards it to node %d", name, appends[s.other%requests].name, s.other/requests+1)
		if old.waiting.has(s.other % requests) {
			text = fmt.Sprintf("%s forwards %s to node %d", name, appends[s.other%requests].name, s.other/requests+1)
		}
	case relay:
		text = fmt.Sprintf("%s receives the answer to %s", name, appends[s.other].name)
	case disconnect:
		text = fmt.Sprintf("%s loses the connection by which it forwarded %s", name, appends[s.other].name)
	case serveRead:
		text = fmt.Sprintf("%s serves the read at %d", name, m.index(old.local))
	}
	for r, a := range after.answers {
		if a != before.answers[r] && a > noAnswer {
			text += fmt.Sprintf("; %s is answered %q", appends[r].name, a)
		}
	}
	return text
}

func (m *model) describeRecord(record chain) string {
	l := m.links[record]
	return fmt.Sprintf("{%v} at %d", l.group, l.index)
}

// String returns the names of the requests; D stands for those that the model does not follow.
func (g group) String() string {
	var names []string
	for r, a := range appends {
		if g.has(r) {
			names = append(names, a.name)
		}
	}
	if names == nil {
		return "D"
	}
	return strings.Join(names, ",")
}

func (a answer) String() string {
	switch a {
	case failed:
		return "failed"
	case rejected:
		return "rejected"
	}
	return fmt.Sprintf("accepted at %d", a-accepted)
}
