package encoding

import (
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// zstdMaxWindow is how far back a stream may refer, in bytes: what a decoder keeps.
const zstdMaxWindow = 8 << 20

// The library has room for two windows, and if that is less than two blocks it moves one to
// the front for each block, however short that is: 128 KiB for each event of our own gateway.
// A larger window than the stream needs is as right, so it is told of one of this exponent.
const (
	zstdRoomyLog    = 18
	zstdWindowField = 5 // where a frame has its window: behind the magic number and the flags
)

// zstdStream is a connection whose messages are one zstd stream. A payload is a message,
// which ends with a block.
//
// The library's reader reads a block at a time, and fails for ever if it is asked for one
// that has not come. So it is asked only while there are blocks that hold something; empty
// ones are left out, for the reader would go on behind them.
type zstdStream struct {
	decoder  *zstd.Decoder
	from     zstdFeed
	inFrame  bool
	checksum bool // behind the frame
	blocks   []byte
}

// zstdFeed is the blocks that were not read yet.
type zstdFeed struct{ left []byte }

func (f *zstdFeed) Read(p []byte) (int, error) {
	if len(f.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.left)
	f.left = f.left[n:]
	return n, nil
}

func (z *zstdStream) inflate(dst, message []byte, limit int) (_ []byte, _ bool, err error) {
	if len(message) > limit {
		return nil, false, &StreamError{tooLarge(limit)}
	}
	for rest := message; len(rest) > 0; {
		begins := !z.inFrame
		if rest, err = z.piece(rest); err == nil {
			dst, err = z.decode(dst, begins, limit)
		}
		if err != nil {
			return nil, false, &StreamError{err.Error()}
		}
	}
	return dst, true, nil
}

var (
	errZstdCut  = errors.New("a message ends within a zstd block")
	errZstdSkip = errors.New("zstd frames that are to be skipped are not taken")
	errZstdKind = errors.New("a zstd block is of no known kind")
)

// piece takes what a message has of one frame into z.blocks, without blocks that are empty,
// and returns what stands behind it.
func (z *zstdStream) piece(data []byte) (rest []byte, err error) {
	z.blocks = z.blocks[:0]
	if !z.inFrame {
		var h zstd.Header
		switch err := h.Decode(data); {
		case err != nil:
			return nil, err
		case h.Skippable:
			return nil, errZstdSkip
		case h.HeaderSize > len(data):
			return nil, errZstdCut
		}
		z.inFrame, z.checksum = true, h.HasCheckSum
		z.blocks = append(z.blocks, data[:h.HeaderSize]...)
		if !h.SingleSegment && h.WindowSize < 1<<zstdRoomyLog {
			z.blocks[zstdWindowField] = (zstdRoomyLog - 10) << 3
		}
		data = data[h.HeaderSize:]
	}
	for len(data) > 0 && z.inFrame {
		if data, err = z.block(data); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// block takes a block, and the checksum behind the last one.
func (z *zstdStream) block(data []byte) (rest []byte, err error) {
	const rle, reserved = 1, 3
	if len(data) < 3 {
		return nil, errZstdCut
	}
	header := int(data[0]) | int(data[1])<<8 | int(data[2])<<16
	last, kind, size := header&1 == 1, header>>1&3, header>>3
	empty := size == 0 && kind != blockCompressed && !last
	switch kind {
	case rle:
		size = 1
	case reserved:
		return nil, errZstdKind
	}
	size += 3
	if last && z.checksum {
		size += 4
	}
	if size > len(data) {
		return nil, errZstdCut
	}
	if !empty {
		z.blocks = append(z.blocks, data[:size]...)
	}
	z.inFrame = !last
	return data[size:], nil
}

// decode appends what is in z.blocks.
func (z *zstdStream) decode(dst []byte, begins bool, limit int) ([]byte, error) {
	z.from.left = z.blocks
	if begins {
		if err := z.reset(); err != nil {
			return nil, err
		}
	}
	for len(z.from.left) > 0 || !z.inFrame {
		// With room for more than a block the reader has nothing left of it.
		dst = slices.Grow(dst, zstdBlock+1)
		n, err := z.decoder.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return nil, errors.New(tooLarge(limit))
		case errors.Is(err, io.EOF) && !z.inFrame:
			return dst, nil
		case errors.Is(err, io.EOF):
			return nil, errZstdCut
		case err != nil:
			return nil, err
		}
	}
	return dst, nil
}

// reset has the reader begin with a frame.
func (z *zstdStream) reset() (err error) {
	if z.decoder == nil {
		z.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdMaxWindow))
		if err != nil {
			return err
		}
	}
	return z.decoder.Reset(&z.from)
}
