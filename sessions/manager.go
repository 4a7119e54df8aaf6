package sessions

import (
	"container/list"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions/internal/replay"
)

// Manager keeps the sessions of a node.
//
// Sessions without a socket stand in a list by when they lost it, and all wait equally
// long: so the first one is the next to expire.
type Manager struct {
	cfg     Config
	metrics *metrics
	woken   chan struct{} // one place: the first of waiting may be another one
	numbers atomic.Uint64 // of sessions

	mu        sync.RWMutex
	byID      map[ID]*Session
	byUser    map[Snowflake][]*Session // the oldest first; a slice does not change
	waiting   list.List                // of *detached, the longest first
	accepting bool
	closed    bool
}

// detached is a session that waits for a socket.
type detached struct {
	session *Session
	until   time.Time
	element *list.Element
}

// New makes a Manager. Without Run nothing expires.
func New(cfg Config) (*Manager, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Manager{
		cfg: cfg, metrics: m, woken: make(chan struct{}, 1),
		byID: map[ID]*Session{}, byUser: map[Snowflake][]*Session{}, accepting: true,
	}, nil
}

// Run ends sessions that were without a socket for too long, until ctx ends. Then it
// returns nil; the sessions are still there.
func (m *Manager) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		late, next := m.expired(time.Now())
		for _, s := range late {
			m.finish(s, Expired)
		}
		var due <-chan time.Time
		if !next.IsZero() {
			due = time.After(time.Until(next))
		}
		select {
		case <-due:
		case <-m.woken:
		case <-ctx.Done():
		}
	}
	return nil
}

// expired takes out what has waited too long, and says when the next one has.
func (m *Manager) expired(now time.Time) (late []*Session, next time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.waiting.Front(); e != nil; e = m.waiting.Front() {
		d := e.Value.(*detached)
		if d.until.After(now) {
			return late, d.until
		}
		m.unlist(d.session)
		if d.session.expire() {
			m.remove(d.session)
			late = append(late, d.session)
		}
	}
	return late, time.Time{}
}

// Open opens a session, which has no socket yet. It fails with ErrClosed,
// ErrNotAccepting, eventnode.ErrInvalidArgument, or a *eventnode.LimitError.
func (m *Manager) Open(who Identity) (*Session, error) {
	if err := who.Shard.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", eventnode.ErrInvalidArgument, err)
	}
	s := m.newSession(newID(), who, time.Now())
	return s, m.open(s)
}

func (m *Manager) newSession(id ID, who Identity, since time.Time) *Session {
	return &Session{Identity: who, id: id, number: m.numbers.Add(1), since: since, m: m, log: replay.New[*Event](m.limits())}
}

func (m *Manager) limits() replay.Limits {
	return replay.Limits{Count: m.cfg.ReplayEvents, Bytes: m.cfg.ReplayBytes}
}

// open puts a session among the others, where it waits for a socket.
func (m *Manager) open(s *Session) error {
	why, err := m.insert(s)
	if err != nil {
		m.metrics.refused.WithLabelValues(why).Inc()
		return err
	}
	m.leave(s)
	return nil
}

func (m *Manager) insert(s *Session) (why string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return "closed", ErrClosed
	case !m.accepting:
		return "not_accepting", ErrNotAccepting
	case m.byID[s.id] != nil:
		return "there", ErrAttached
	case len(m.byID) >= m.cfg.MaxSessions:
		return "max_sessions", &eventnode.LimitError{Limit: "max_sessions", Max: m.cfg.MaxSessions}
	case len(m.byUser[s.User]) >= m.cfg.MaxPerUser:
		return "max_per_user", &eventnode.LimitError{Limit: "max_sessions_per_user", Max: m.cfg.MaxPerUser}
	}
	m.byID[s.id] = s
	m.byUser[s.User] = append(slices.Clip(m.byUser[s.User]), s)
	m.metrics.sessions.Set(float64(len(m.byID)))
	return "", nil
}

// leave has a session wait for a socket.
func (m *Manager) leave(s *Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byID[s.id] != s || s.place != nil || s.Attached() {
		return
	}
	s.place = &detached{session: s, until: time.Now().Add(m.cfg.TTL)}
	s.place.element = m.waiting.PushBack(s.place)
	m.metrics.detached.Set(float64(m.waiting.Len()))
	if m.waiting.Len() == 1 {
		select {
		case m.woken <- struct{}{}:
		default:
		}
	}
}

// keep has a session with a socket wait no more.
func (m *Manager) keep(s *Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Attached() {
		m.unlist(s)
	}
}

// unlist takes a session out of those that wait. The caller holds mu.
func (m *Manager) unlist(s *Session) {
	if s.place != nil {
		m.waiting.Remove(s.place.element)
		s.place = nil
		m.metrics.detached.Set(float64(m.waiting.Len()))
	}
}

// remove takes a session out of the indexes. The caller holds mu.
func (m *Manager) remove(s *Session) {
	m.unlist(s)
	delete(m.byID, s.id)
	rest := without(m.byUser[s.User], func(o *Session) bool { return o == s })
	if m.byUser[s.User] = rest; len(rest) == 0 {
		delete(m.byUser, s.User)
	}
	m.metrics.sessions.Set(float64(len(m.byID)))
}

// finish ends a session that was removed.
func (m *Manager) finish(s *Session, why Reason) {
	s.end()
	m.metrics.ended.WithLabelValues(why.String()).Inc()
	m.cfg.OnEnd(s, why)
}

// End ends a session, and its socket with ErrClosed. It reports whether it was there.
func (m *Manager) End(id ID) bool {
	s, err := m.Session(id)
	if err != nil || !m.take(s) {
		return false
	}
	m.finish(s, Ended)
	return true
}

// take removes a session, for whoever then finishes it: the first who asks.
func (m *Manager) take(s *Session) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	there := m.byID[s.id] == s
	if there {
		m.remove(s)
	}
	return there
}

// Session is the session with an ID.
func (m *Manager) Session(id ID) (*Session, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	switch s := m.byID[id]; {
	case m.closed:
		return nil, ErrClosed
	case s == nil:
		return nil, ErrNotFound
	default:
		return s, nil
	}
}

// SessionOf is the session with an ID if it is this user's; who guessed an ID learns
// nothing from that.
func (m *Manager) SessionOf(user Snowflake, id ID) (*Session, error) {
	s, err := m.Session(id)
	if err == nil && s.User != user {
		return nil, ErrNotFound
	}
	return s, err
}

// OfUser is all sessions of a user, the oldest first. The slice is shared: do not change
// it.
func (m *Manager) OfUser(user Snowflake) []*Session {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.byUser[user]
}

// OfGuild is those sessions of a user whose shard has the guild, the oldest first. The
// slice may be shared: do not change it.
func (m *Manager) OfGuild(user, guild Snowflake) []*Session {
	return without(m.OfUser(user), func(s *Session) bool { return !s.Shard.Owns(guild) })
}

// without is a slice without some of it: itself if that is nothing.
func without(all []*Session, out func(*Session) bool) []*Session {
	if !slices.ContainsFunc(all, out) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), out)
}

// OfMembers is, for each member of a guild, his sessions there: none stands for somebody
// who is offline.
func (m *Manager) OfMembers(members iter.Seq[Snowflake], guild Snowflake) iter.Seq2[Snowflake, []*Session] {
	return func(yield func(Snowflake, []*Session) bool) {
		for user := range members {
			if !yield(user, m.OfGuild(user, guild)) {
				return
			}
		}
	}
}

// All is all sessions, in no order.
func (m *Manager) All() []*Session {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Collect(maps.Values(m.byID))
}

// Len is how many sessions there are.
func (m *Manager) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.byID)
}

// StopAccepting has Open fail with ErrNotAccepting from now on. Sessions that are there
// stay, and can be attached.
func (m *Manager) StopAccepting() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accepting = false
}

// Close ends all sessions. Everything fails with ErrClosed then.
func (m *Manager) Close() {
	m.mu.Lock()
	m.closed = true
	all := slices.Collect(maps.Values(m.byID))
	for _, s := range all {
		m.remove(s)
	}
	m.mu.Unlock()
	for _, s := range all {
		m.finish(s, Closed)
	}
}
