package state

import (
	"fmt"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// Commands have levels. A new kind of command, or a new field in one, is of the
// next level; a program knows all levels up to Level. The partition's state says
// which level is used, and every replica agrees on when that grows, because a
// RaiseLevel is an entry like any other. A leader proposes it when every replica has
// said that it knows that level; what needs more than the level that is used is
// never proposed. So a replica meets no command that it does not know, unless
// somebody goes back to an older program: that one stops.

// levelRehearse is that of the one command of programs that test upgrades.
const levelRehearse = 2

// Needs is the level of a command.
func Needs(c *storagev1.Command) uint32 {
	if c.GetRehearse() != nil {
		return levelRehearse
	}
	return 1
}

// errLevel is ErrEntry for what is of a level that this program does not know.
func errLevel(level uint32) error {
	return fmt.Errorf("%w: it uses commands of level %d, and this program knows up to %d: run the newer program, there is no way back", ErrEntry, level, Level)
}

// CheckLevel fails with ErrEntry if the state is of a newer program.
func (v View) CheckLevel() error {
	level, err := v.Level()
	if err == nil && level > Level {
		err = errLevel(level)
	}
	return err
}

// Level is the level of the commands that are used.
func (v View) Level() (uint32, error) {
	row, err := v.Partition()
	return levelOf(row), err
}

func levelOf(row *storagev1.PartitionRow) uint32 { return max(row.GetLevel(), 1) }

// mayDo fails if a command is of a level that is not used: with ErrEntry if it is
// not known here either.
func (t *turn) mayDo(c *storagev1.Command) (refused, fatal error) {
	switch need := Needs(c); {
	case need > Level:
		return nil, errLevel(need)
	case need > levelOf(t.part):
		return invalid("a command of level %d, and %d is used", need, levelOf(t.part)), nil
	}
	return nil, nil
}

// raise begins to use the commands of a level, and returns the one that is used.
func (t *turn) raise(c *storagev1.RaiseLevel) (uint32, error) {
	if c.GetLevel() > Level {
		return 0, errLevel(c.GetLevel())
	}
	if c.GetLevel() > levelOf(t.part) {
		t.part.Level = c.GetLevel()
	}
	return levelOf(t.part), nil
}
