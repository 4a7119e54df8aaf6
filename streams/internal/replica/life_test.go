package replica

import (
	"errors"
	"strings"
	"testing"
)

// A write that failed: the files are opened again, which is another life, and the
// replica says why it should not lead for a while.
func TestOpenedAgain(t *testing.T) {
	w := formed(t, 1, nil)
	m := w.nodes[0]
	if life := m.life.Life(); life != 1 {
		t.Errorf("life %d", life)
	}
	s, err := m.life.present()
	if err != nil {
		t.Fatal(err)
	}
	s.fail(errors.New("write failed"))
	w.eventually("it is opened again", func() bool { return m.life.Life() == 2 })
	w.eventually("it is sick", func() bool {
		st := m.life.Status()
		return st.Sick && !st.Full && strings.Contains(st.SickWhy, "opened again")
	})
	m.life.stop()
	m.life.ended.Wait()
	if life := m.life.Life(); life != 0 {
		t.Errorf("stopped, and has life %d", life)
	}
}
