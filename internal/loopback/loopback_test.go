package loopback

import (
	"net"
	"testing"
)

// TestAddress: each port of the block is handed out once before one is again, and none on
// which somebody listens.
func TestAddress(t *testing.T) {
	b, err := claim()
	if err != nil {
		t.Fatal(err)
	}
	defer b.claim.Close()
	taken, err := net.Listen("tcp", join(b.first+2))
	if err != nil {
		t.Skipf("somebody listens in the block: %v", err)
	}
	defer taken.Close()
	seen := map[string]bool{}
	for range blockPorts/2 - 1 {
		address, err := b.address()
		if err != nil {
			t.Fatal(err)
		}
		if seen[address] || address == taken.Addr().String() {
			t.Fatalf("%s was handed out, and is taken", address)
		}
		seen[address] = true
	}
}

// TestBlocks: who claims a block keeps others out of it.
func TestBlocks(t *testing.T) {
	seen := map[int]bool{}
	for range 3 {
		b, err := claim()
		if err != nil {
			t.Fatal(err)
		}
		defer b.claim.Close()
		if seen[b.first] {
			t.Fatalf("the block at %d was claimed twice", b.first)
		}
		seen[b.first] = true
	}
}

func TestAddresses(t *testing.T) {
	list, err := Addresses(3)
	if err != nil || len(list) != 3 || list[0] == list[1] {
		t.Fatalf("Addresses(3): %v, %v", list, err)
	}
}
