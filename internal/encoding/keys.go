package encoding

// keys is those of an object that were read. Most objects have few, and those of a message
// some 25.
type keys struct {
	few  [32][]byte
	n    int
	many map[string]struct{}
}

// add adds a key, and reports whether it was there.
func (k *keys) add(key []byte) bool {
	for _, o := range k.few[:k.n] {
		if string(o) == string(key) {
			return true
		}
	}
	if k.n < len(k.few) {
		k.few[k.n] = key
		k.n++
		return false
	}
	if k.many == nil {
		k.many = make(map[string]struct{})
	}
	before := len(k.many)
	k.many[string(key)] = struct{}{}
	return len(k.many) == before
}
