package identity

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTheUUIDIsBornWithTheDirectoryAndStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d := open(t, path)
	id := d.UUID()
	if id == uuid.Nil || d.Format() != Format || d.Path() != path {
		t.Fatalf("got %v, format %d, path %s", id, d.Format(), d.Path())
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "log"), []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	d = open(t, path)
	if d.UUID() != id {
		t.Errorf("reopened as %v, was %v", d.UUID(), id)
	}
	if read, format, err := Read(path); err != nil || read != id || format != Format {
		t.Errorf("read beside the holder: %v, %d, %v", read, format, err)
	}
	_ = d.Close()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	d = open(t, path)
	defer func() { _ = d.Close() }()
	if d.UUID() == id {
		t.Error("an emptied directory has its old UUID")
	}
}

func TestDataWithoutIdentityIsRefused(t *testing.T) {
	path := t.TempDir()
	_ = open(t, path).Close()
	if err := os.WriteFile(filepath.Join(path, "log"), []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(path, fileName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Path: path}); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("opened with %v", err)
	}
	if _, _, err := Read(path); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("read with %v", err)
	}
	if err := os.Remove(filepath.Join(path, "log")); err != nil {
		t.Fatal(err)
	}
	_ = open(t, path).Close() // the refusal has let the lock go
}

func TestACrashWhileItIsMadeLeavesNothingInTheWay(t *testing.T) {
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, tempName), []byte("eventnode rep"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = open(t, path).Close()
	if _, err := os.Stat(filepath.Join(path, tempName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half file: %v", err)
	}
}

func TestEveryFlippedBitAndEveryCutIsNoticed(t *testing.T) {
	path := t.TempDir()
	_ = open(t, path).Close()
	name := filepath.Join(path, fileName)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Config{Path: path}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: opened with %v", what, err)
		}
	}
	for i := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		try(fmt.Sprintf("bit %d flipped", i), bad)
	}
	for n := range len(good) {
		try(fmt.Sprintf("cut to %d bytes", n), good[:n])
	}
}

func TestANewerFormatIsRefusedInWords(t *testing.T) {
	path := t.TempDir()
	next, err := Open(Config{Path: path, Format: Format + 1})
	if err != nil {
		t.Fatal(err)
	}
	if next.Format() != Format {
		t.Errorf("a new directory has format %d", next.Format())
	}
	if err := next.Upgrade(Format + 1); err != nil {
		t.Fatal(err)
	}
	_ = next.Close()
	_, err = Open(Config{Path: path})
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "was written by a newer version") {
		t.Errorf("opened with %v", err)
	}
}

func TestAnOlderDirectoryIsUpgradedOnceAndNotBack(t *testing.T) {
	path := t.TempDir()
	old := open(t, path)
	id := old.UUID()
	if err := old.Upgrade(Format + 1); err == nil {
		t.Error("became what this program does not read")
	}
	_ = old.Close()
	d, err := Open(Config{Path: path, Format: Format + 1})
	if err != nil || d.Format() != Format {
		t.Fatalf("format %d, %v", d.Format(), err)
	}
	if err := d.Upgrade(Format + 1); err != nil {
		t.Fatal(err)
	}
	if err := d.Upgrade(Format); err == nil {
		t.Error("went back")
	}
	_ = d.Close()
	if got, format, err := Read(path); got != id || format != Format+1 || err != nil {
		t.Errorf("%v, format %d, %v", got, format, err)
	}
}

func TestAFormatToComeMayAddLines(t *testing.T) {
	id := uuid.New()
	b := fmt.Appendf(nil, layout+"more of it\n", 7, id)
	b = fmt.Appendf(b, "crc32c %08x\n", checksum(b))
	if c, err := decode(b); err != nil || c.uuid != id || c.format != 7 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestTwiceInOneProcessIsRefused(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	defer func() { _ = d.Close() }()
	_, err := Open(Config{Path: path})
	var locked *LockedError
	if !errors.As(err, &locked) || !errors.Is(err, ErrLocked) || locked.PID != os.Getpid() {
		t.Errorf("opened with %v", err)
	}
}

// TestMain is also the other process of TestAnotherProcessIsNamed.
func TestMain(m *testing.M) {
	if path := os.Getenv("IDENTITY_TEST_HOLD"); path != "" {
		_, err := Open(Config{Path: path})
		fmt.Println("opened", err)
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends this process
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestAnotherProcessIsNamedAndItsDeathFreesTheDirectory(t *testing.T) {
	path := t.TempDir()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "IDENTITY_TEST_HOLD="+path)
	if _, err := other.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "opened <nil>\n" {
		t.Fatalf("the other process: %q, %v", line, err)
	}
	_, err = Open(Config{Path: path})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != other.Process.Pid {
		t.Errorf("opened with %v, held by %d", err, other.Process.Pid)
	}
	_ = other.Process.Kill()
	_ = other.Wait()
	_ = open(t, path).Close()
}

func FuzzIdentityFile(f *testing.F) {
	f.Add(content{format: 1, uuid: uuid.New()}.encode())
	f.Add([]byte("\ncrc32c 00000000\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decode(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if again, err := decode(c.encode()); err != nil || again != c {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
	})
}
