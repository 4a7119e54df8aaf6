// Package backupfile is the file that a backup is: what it says of itself, then the
// bytes of the copy, under checksums.
//
// # The file
//
// Version 1. Numbers are big endian. Each sum is the xxHash64 of all that came
// before it in the file, except the sums: bytes that are changed, lost, doubled or
// moved are found at the next one, before anybody is given them.
//
//	head   magic "evn-back", version u32, length u32 (up to 1 MiB), JSON, sum
//	frame  length u32 (1 to 256 KiB), bytes, sum; any number of them
//	end    length u32 0, magic "evn-bend", length of the whole file u64, sum
//
// What the bytes are is for others to say: today one stream of package
// streams/internal/snapshot, which has checksums of its own.
//
// # Guarantees
//
//   - A Reader hands out only bytes whose sum was right, and io.EOF only behind an
//     end that is right, with nothing after it.
//   - A file of a newer version is refused in words.
//
// # Concurrency
//
// A Writer and a Reader belong to one goroutine each.
//
// # Failure
//
// ErrDamaged says where the file is not what was written, as a *DamagedError. Other
// errors are those of the file system. An error of a Reader or a Writer stays.
//
//	w, err := backupfile.NewWriter(file, info)
//	_, err = io.Copy(w, copy)
//	err = w.Close()
package backupfile
