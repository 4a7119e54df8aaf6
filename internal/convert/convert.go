package convert

// unknown is the word for a number that has none, as eventnode.Policy has it.
const unknown = "unknown"

// list converts each element; no elements are nil.
func list[A, B any](from []A, f func(A) B) []B {
	if len(from) == 0 {
		return nil
	}
	to := make([]B, len(from))
	for i, a := range from {
		to[i] = f(a)
	}
	return to
}
