package exchange

// slabSize is how much is allocated at once for small messages.
const slabSize = 8 << 10

// slab hands out memory for messages. What is handed out keeps its slab from
// being freed, so whoever keeps it must let go in about the order of the calls.
type slab struct{ free []byte }

// take returns an empty slice with room for n bytes.
func (s *slab) take(n int) []byte {
	if n > slabSize/8 {
		return make([]byte, 0, n)
	}
	if n > len(s.free) {
		s.free = make([]byte, slabSize)
	}
	b := s.free[:0:n]
	s.free = s.free[n:]
	return b
}

// copy returns a copy of b.
func (s *slab) copy(b []byte) []byte { return append(s.take(len(b)), b...) }
