// Package jsonscan walks through JSON text without making values of it: who looks for a
// few members of a large object, and keeps the rest as it is, pays for one pass over the
// bytes and allocates nothing.
//
//	object := jsonscan.Object(data)
//	for object.Next() {
//		if string(object.Key) == "id" {
//			...object.Value...
//		}
//	}
//	if err := object.Err(); err != nil {
//
// # Guarantees
//
//   - Text that is passed is grammatical JSON as far as it was read: an object that was read
//     to its end without an error is valid as a whole, with all that is in it. Whether
//     strings are UTF-8 is not looked at, as in encoding/json.
//   - Values nest at most MaxDepth deep, so hostile text needs no stack.
//
// # Concurrency
//
// There is no state but that of a walk, which belongs to who made it.
//
// # Failure
//
// An [*Error] says what was expected, and at which byte.
package jsonscan
