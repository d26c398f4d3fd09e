package console

import (
	"fmt"
	"time"
)

// explain sets Explanation.
func (r *shownRejection) explain() {
	switch {
	case r.ConflictPosition > 0 && r.Condition != nil:
		r.Explanation = r.Condition.readUpTo() + " " + r.conflictName() + " matches its condition"
		if r.Condition.MatchesAll() {
			r.Explanation += ", as every event does"
		}
		r.Explanation += "."
	case r.Tracking != nil:
		r.Explanation = fmt.Sprintf("Position %d of the tracking source %s is not after the recorded one: what has this position upstream has been processed already.", r.Tracking.Position, r.Tracking.Source)
	default:
		r.Explanation = "It was rejected: " + r.Reason + "."
	}
}

// readUpTo returns a sentence about the position of the condition.
func (c *shownCondition) readUpTo() string {
	if c.After == 0 {
		return "The condition has no position that the decision had read, so no event at all may match it."
	}
	return fmt.Sprintf("The decision had read up to position %d.", c.After)
}

// conflictName starts a sentence about the conflicting event, up to its verb.
func (r *shownRejection) conflictName() string {
	name := fmt.Sprintf("Event %d", r.ConflictPosition)
	if r.Conflict == nil {
		return name + ", which cannot be read here,"
	}
	name += fmt.Sprintf(" (%s)", eventName(r.Conflict.Event.Type, r.Conflict.ShownTags()))
	if at := r.Conflict.RecordedAt; !at.IsZero() && !at.After(r.Time) {
		name += fmt.Sprintf(" was appended %s before this append, and", duration(r.Time.Sub(at)))
	}
	return name
}

// duration formats a duration roughly.
func duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "less than 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
