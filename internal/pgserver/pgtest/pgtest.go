// Package pgtest runs PostgreSQL servers for tests, of a package or of one test.
package pgtest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/eventnode/eventnode/internal/pgserver"
)

// Shared is one server for all tests of a package. Its zero value is ready; TestMain
// closes it.
type Shared struct {
	once    sync.Once
	server  *pgserver.Server
	dir     string
	missing string
	err     error
}

// DSN starts the server if nobody has, and returns where the database postgres is. It
// skips the test where PostgreSQL is not installed.
func (s *Shared) DSN(t testing.TB) string {
	t.Helper()
	return s.Server(t).DSN("postgres")
}

// Server is as DSN, and returns the server.
func (s *Shared) Server(t testing.TB) *pgserver.Server {
	t.Helper()
	s.once.Do(s.start)
	switch {
	case s.missing != "":
		t.Skip(s.missing)
	case s.err != nil:
		t.Fatal(s.err)
	}
	return s.server
}

func (s *Shared) start() {
	if _, s.missing = pgserver.Find(); s.missing != "" {
		return
	}
	if s.dir, s.err = pgserver.TempDir(); s.err == nil {
		s.server, s.err = pgserver.Start(context.Background(), pgserver.Config{Dir: filepath.Join(s.dir, "pg")})
	}
}

// Close ends the server and removes what it kept.
func (s *Shared) Close() {
	if s.server != nil {
		s.server.Stop()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// Own starts a server for one test, and skips the test where PostgreSQL is not installed.
func Own(t testing.TB, settings ...string) *pgserver.Server {
	t.Helper()
	if _, missing := pgserver.Find(); missing != "" {
		t.Skip(missing)
	}
	dir, err := pgserver.TempDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := pgserver.Start(t.Context(), pgserver.Config{Dir: filepath.Join(dir, "pg"), Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}
