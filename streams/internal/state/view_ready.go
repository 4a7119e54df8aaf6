package state

// Ready is what there is for a consumer to fetch from a stream.
type Ready struct {
	// Again is events that were delivered before; of a keyed group also those that
	// were passed over, which may be held back.
	Again uint64
	// Next is the number of the first event that is new to the group, and New about how
	// many there are.
	Next, New uint64
}

// Any reports whether there is anything; a Fetch may still find that it is held back.
func (r Ready) Any() bool { return r.Again+r.New > 0 }

// Ready says what there is for a consumer, without looking at any event.
func (v View) Ready(s Stream, group string, consumer uint32) (Ready, error) {
	g, err := v.groupRow(s, group)
	if err != nil {
		return Ready{}, err
	}
	c, err := v.consumerRow(s, g, consumer)
	if err != nil {
		return Ready{}, err
	}
	r := Ready{Again: c.GetOld() + g.GetReady() + g.GetSkipped(), Next: max(g.GetNext(), s.State.GetFirst())}
	if end := s.State.GetLast() + 1; g.GetNext() < end {
		r.New = max(end-r.Next, 1) // what is lost is told, too
	}
	return r, nil
}
