package reload

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBad = errors.New("bad")

// joined takes texts that do not say bad.
func joined(texts ...[]byte) (string, error) {
	all := string(bytes.Join(texts, []byte("+")))
	if strings.Contains(all, "bad") {
		return "", errBad
	}
	return all, nil
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A change is taken when it has stood for two looks, of all files together; what is no
// good is told once, and what was before holds; when it is good again nothing is told.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "a1")
	write(t, b, "b1")
	f, err := Load(joined, a, b)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	f.OnChange(func(old, now string) { told = append(told, old+">"+now) })
	step := func(do string, now string, changed bool, failed string) {
		t.Helper()
		if file, text, ok := strings.Cut(do, "="); ok {
			write(t, filepath.Join(dir, file), text)
		} else if do != "" {
			_ = os.Remove(filepath.Join(dir, do))
		}
		got, err := f.Look()
		if f.Now() != now || got != changed || (err != nil) != (failed != "") || err != nil && !strings.Contains(err.Error(), failed) {
			t.Fatalf("%q: now %q, changed %t, error %v", do, f.Now(), got, err)
		}
	}
	step("", "a1+b1", false, "")
	step("a=a2", "a1+b1", false, "") // perhaps b is to follow
	step("b=b2", "a1+b1", false, "")
	step("", "a2+b2", true, "")
	step("", "a2+b2", false, "")
	step("a=bad", "a2+b2", false, "")
	step("", "a2+b2", false, "bad")
	step("", "a2+b2", false, "")
	step("a=a2", "a2+b2", false, "")
	step("a", "a2+b2", false, "")
	step("", "a2+b2", false, "no such file")
	step("", "a2+b2", false, "")
	step("a=bad", "a2+b2", false, "")
	step("", "a2+b2", false, "bad")
	step("a="+strings.Repeat("x", MaxFileBytes+1), "a2+b2", false, "")
	step("", "a2+b2", false, "1048576 bytes")
	step("a=a3", "a2+b2", false, "")
	step("", "a3+b2", true, "")
	if got := strings.Join(told, " "); got != "a1+b1>a2+b2 a2+b2>a3+b2" {
		t.Error(got)
	}
}

// What cannot be read at the start is an error.
func TestLoadIsStrict(t *testing.T) {
	a := filepath.Join(t.TempDir(), "a")
	if _, err := Load(joined, a); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	write(t, a, "bad")
	if _, err := Load(joined, a); !errors.Is(err, errBad) {
		t.Error(err)
	}
}

// Run looks again and again, and says once what changed and once what is no good.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := filepath.Join(t.TempDir(), "a")
		write(t, a, "a1")
		f, err := Load(joined, a)
		if err != nil {
			t.Fatal(err)
		}
		var logs bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { Run(ctx, time.Second, slog.New(slog.NewTextHandler(&logs, nil)), f) })
		write(t, a, "a2")
		time.Sleep(10*time.Second + 1)
		write(t, a, "bad")
		time.Sleep(10 * time.Second)
		cancel()
		run.Wait()
		if f.Now() != "a2" || strings.Count(logs.String(), "\n") != 2 || !strings.Contains(logs.String(), "error=bad") {
			t.Errorf("%q: %s", f.Now(), logs.String())
		}
	})
}
