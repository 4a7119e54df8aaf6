package raftlog

import (
	"slices"
	"sort"
	"sync"
)

// sizeGrain is the distance of two marks in bytes: 20 GiB of log are 327,680
// marks, of 16 bytes.
const sizeGrain = 64 << 10

// sizes knows about how many bytes lie between any two indexes. It keeps a mark
// each 64 KiB and takes the entries between two marks to be of one size.
type sizes struct {
	mu    sync.RWMutex
	marks []mark
	next  uint64 // the index after the last
	total uint64 // bytes before next
}

// mark says that bytes lie before the entry first.
type mark struct{ first, before uint64 }

func (s *sizes) add(index uint64, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if index != s.next {
		s.marks = s.marks[:0]
	}
	if k := len(s.marks); k == 0 || s.total-s.marks[k-1].before >= sizeGrain {
		s.marks = append(s.marks, mark{index, s.total})
	}
	s.total += uint64(n)
	s.next = index + 1
}

// before returns the bytes that lie before an index. The caller holds mu.
func (s *sizes) before(index uint64) uint64 {
	if len(s.marks) == 0 || index >= s.next {
		return s.total
	}
	if index <= s.marks[0].first {
		return s.marks[0].before
	}
	k := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].first > index }) - 1
	from, to := s.marks[k], mark{s.next, s.total}
	if k+1 < len(s.marks) {
		to = s.marks[k+1]
	}
	return from.before + uint64(float64(to.before-from.before)*float64(index-from.first)/float64(to.first-from.first))
}

// since returns the bytes after an index.
func (s *sizes) since(index uint64) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.total - s.before(index+1)
}

// trailing returns the lowest index after which there are at most n bytes.
func (s *sizes) trailing(n uint64) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.marks) == 0 {
		return 0
	}
	first := s.marks[0].first
	k := sort.Search(int(s.next-first), func(i int) bool { return s.total-s.before(first+uint64(i)) <= n })
	return first + uint64(k) - 1
}

// dropFront forgets all up to an index, dropBack all from one on.
func (s *sizes) dropFront(upTo uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if upTo+1 >= s.next {
		s.marks = s.marks[:0]
		return
	}
	if len(s.marks) == 0 || upTo < s.marks[0].first {
		return
	}
	first := mark{upTo + 1, s.before(upTo + 1)}
	k := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].first > upTo+1 })
	s.marks = slices.Insert(slices.Delete(s.marks, 0, k), 0, first)
}

func (s *sizes) dropBack(from uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from >= s.next {
		return
	}
	s.total = s.before(from)
	s.next = from
	k := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].first >= from })
	s.marks = s.marks[:k]
}
