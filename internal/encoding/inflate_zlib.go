package encoding

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"
)

// errTooLarge: what is inflated goes beyond a limit.
var errTooLarge = errors.New("too large")

// readAll appends what a reader has, which may be so much in all.
func readAll(dst []byte, from io.Reader, limit int) ([]byte, error) {
	for {
		dst = slices.Grow(dst, 512)
		n, err := from.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return dst, errTooLarge
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// zlibStream is a connection whose messages are one zlib stream.
//
// The library's reader cannot go on where its input has ended. So each payload is read by
// itself: with the 32 KiB before it as dictionary, and a last block behind it, for a payload
// ends at the border of a byte and of a block.
type zlibStream struct {
	begun   bool
	partial []byte // of a payload in several messages
	window  []byte // the newest of what was inflated, twice as much as is needed
	flate   io.ReadCloser
	in      []byte // a payload, and the end of a stream
	from    bytes.Reader
}

// maxDistance is how far back deflate refers.
const maxDistance = 32 << 10

func (z *zlibStream) inflate(dst, message []byte, limit int) ([]byte, bool, error) {
	if len(z.partial)+len(message) > limit {
		return nil, false, &StreamError{tooLarge(limit)}
	}
	data := message
	if len(z.partial) > 0 || !bytes.HasSuffix(message, []byte(syncMark)) {
		z.partial = append(z.partial, message...)
		data = z.partial
	}
	if !bytes.HasSuffix(data, []byte(syncMark)) {
		return nil, false, nil
	}
	z.partial = nil
	data, err := z.header(data)
	if err != nil {
		return nil, false, err
	}
	dst, err = z.payload(dst, data, limit)
	if err != nil {
		return nil, false, err
	}
	z.keep(dst)
	return dst, true, nil
}

// header steps over the two bytes at the front of the stream.
func (z *zlibStream) header(data []byte) ([]byte, error) {
	if z.begun {
		return data, nil
	}
	z.begun = true
	if len(data) < 2 || data[0]&0xf != 8 || data[0]>>4 > 7 || data[1]&0x20 != 0 || (int(data[0])<<8|int(data[1]))%31 != 0 {
		return nil, &StreamError{"it does not begin as a zlib stream without a dictionary"}
	}
	return data[2:], nil
}

func (z *zlibStream) payload(dst, data []byte, limit int) ([]byte, error) {
	if z.in = append(append(z.in[:0], data...), lastBlock...); cap(z.in) > maxScratch {
		defer func() { z.in = nil }()
	}
	z.from.Reset(z.in)
	if z.flate == nil {
		z.flate = flate.NewReader(&z.from)
	}
	if err := z.flate.(flate.Resetter).Reset(&z.from, z.window); err != nil {
		return nil, &StreamError{err.Error()}
	}
	dst, err := readAll(dst, z.flate, limit)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, &StreamError{tooLarge(limit)}
	case err != nil:
		return nil, &StreamError{err.Error()}
	case z.from.Len() > 0:
		return nil, &StreamError{"it has ended, and something stands behind it"}
	}
	return dst, nil
}

// keep remembers what the next payload may refer to, in a buffer of two windows: most
// payloads are short, and then nothing is moved.
func (z *zlibStream) keep(payload []byte) {
	payload = payload[max(len(payload)-maxDistance, 0):]
	if len(z.window)+len(payload) > 2*maxDistance {
		z.window = z.window[:copy(z.window, z.window[len(z.window)-maxDistance:])]
	}
	z.window = append(z.window, payload...)
}

// zlibEach is a connection on which a message may be a zlib stream: those before IDENTIFY
// are not. No payload in JSON or ETF begins as one.
type zlibEach struct{ from io.ReadCloser }

func (z *zlibEach) inflate(dst, message []byte, limit int) ([]byte, bool, error) {
	if len(message) == 0 || message[0]&0xf != 8 || message[0] == etfVersion {
		return append(dst, message...), true, nil
	}
	in := bytes.NewReader(message)
	if err := z.open(in); err != nil {
		return nil, false, &DecodeError{Reason: err.Error()}
	}
	dst, err := readAll(dst, z.from, limit)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, false, &DecodeError{Offset: len(message) - in.Len(), Reason: tooLarge(limit)}
	case err != nil:
		return nil, false, &DecodeError{Offset: len(message) - in.Len(), Reason: err.Error()}
	case in.Len() > 0:
		return nil, false, &DecodeError{Offset: len(message) - in.Len(), Reason: "something stands behind the zlib stream"}
	}
	return dst, true, nil
}

func (z *zlibEach) open(in io.Reader) (err error) {
	if z.from == nil {
		z.from, err = zlib.NewReader(in)
		return err
	}
	return z.from.(zlib.Resetter).Reset(in, nil)
}
