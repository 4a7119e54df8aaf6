package jsonscan

// Members walks through an object.
type Members struct {
	// Key is the member's name as it is written between its quotes, and Value its value,
	// without white space around it. Both are parts of the text.
	Key, Value []byte
	// At is where the member begins, with the quote of its name.
	At int

	walk
}

// Elements walks through a list.
type Elements struct {
	// Value is an element, without white space around it: a part of the text.
	Value []byte

	walk
}

// walk is where a walk is.
type walk struct {
	data  []byte
	at    int
	begun bool
	err   error
}

// Object walks through an object's members, in the order of the text. Null, and no text
// at all, have none.
func Object(data []byte) Members { return Members{walk: begin(data, '{', "an object")} }

// List walks through a list's elements. Null, and no text at all, have none.
func List(data []byte) Elements { return Elements{walk: begin(data, '[', "a list")} }

func begin(data []byte, opening byte, want string) walk {
	at := Space(data, 0)
	switch {
	case at == len(data) || string(data[at:]) == "null":
		return walk{}
	case data[at] != opening:
		return walk{err: wrong(at, want)}
	}
	return walk{data: data, at: at}
}

// Next goes to the next member: not ok at the end, or where the text is wrong.
func (m *Members) Next() bool {
	if !m.next('{') {
		return false
	}
	name, value, err := key(m.data, m.at)
	if err != nil {
		return m.fail(err)
	}
	m.At, m.Key = m.at, m.data[m.at+1:name-1]
	m.Value, err = m.take(value)
	return err == nil || m.fail(err)
}

// Next goes to the next element: not ok at the end, or where the text is wrong.
func (e *Elements) Next() (ok bool) {
	if !e.next('[') {
		return false
	}
	var err error
	e.Value, err = e.take(e.at)
	return err == nil || e.fail(err)
}

// Err is why the walk has ended before the end; nil: it has not.
func (w *walk) Err() error { return w.err }

// next goes behind the opening or the comma: not ok at the end.
func (w *walk) next(opening byte) bool {
	if w.data == nil {
		return false
	}
	if !w.begun {
		w.begun = true
		if w.at = Space(w.data, w.at+1); w.at < len(w.data) && w.data[w.at] == opening+2 {
			return w.end(w.at)
		}
		return true
	}
	switch at := Space(w.data, w.at); {
	case at < len(w.data) && w.data[at] == ',':
		w.at = Space(w.data, at+1)
		return true
	case at < len(w.data) && w.data[at] == opening+2:
		return w.end(at)
	default:
		return w.fail(wrong(at, "a comma or the end"))
	}
}

// end is the end, if nothing comes behind it.
func (w *walk) end(at int) bool {
	if rest := Space(w.data, at+1); rest < len(w.data) {
		return w.fail(wrong(rest, "nothing behind the end"))
	}
	w.data = nil
	return false
}

// take reads a value, inside of one.
func (w *walk) take(at int) ([]byte, error) {
	end, err := value(w.data, at, 1)
	if err == nil {
		w.at = end
		return w.data[at:end:end], nil
	}
	return nil, err
}

func (w *walk) fail(err error) bool {
	w.data, w.err = nil, err
	return false
}
