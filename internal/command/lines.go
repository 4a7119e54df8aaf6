package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

const (
	// lineBuffer is the read buffer, in bytes.
	lineBuffer = 256 << 10
	// lineQueue is how many lines wait between reading and f. A full queue
	// stops reading.
	lineQueue = 64
)

// numberedLine is a line, or why there is none.
type numberedLine struct {
	text []byte
	err  error
}

// eachLine calls f with each line of r and its number, from 1, without its \n;
// with a last line that has none, too. It returns the first error, which names
// the line.
//
// A read of a terminal or pipe cannot be interrupted. After the end of ctx the
// goroutine that reads is therefore left to its read, which ends with the
// process or the other end of the pipe.
func eachLine(ctx context.Context, r io.Reader, f func(number int, line []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := make(chan numberedLine, lineQueue)
	go readLines(ctx, r, lines)
	for number := 1; ; number++ {
		select {
		case <-ctx.Done():
			return fmt.Errorf("after line %d: %w", number-1, ctx.Err())
		case line := <-lines:
			if errors.Is(line.err, io.EOF) {
				return nil
			}
			if line.err == nil {
				line.err = f(number, line.text)
			}
			if line.err != nil {
				return fmt.Errorf("line %d: %w", number, line.err)
			}
		}
	}
}

// readLines reads r until its end, an error or the end of ctx.
func readLines(ctx context.Context, r io.Reader, lines chan<- numberedLine) {
	buffer := bufio.NewReaderSize(r, lineBuffer)
	for {
		text, err := readLine(buffer)
		select {
		case lines <- numberedLine{text, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// readLine reads one line into memory of its own. io.EOF means that there is no
// further one.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return bytes.TrimSuffix(line, []byte{'\n'}), nil
		case len(line) > maxPayload:
			return nil, fmt.Errorf("longer than %d MiB: an event cannot be", maxPayload>>20)
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil // the next call finds the end
		default:
			return nil, err
		}
	}
}
