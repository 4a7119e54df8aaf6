package raftnet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/internal/memnet"
)

const rpcPort = 7000

// virtual is a world in memory, for a bubble.
func virtual(t *testing.T) (*world, *memnet.Network) {
	t.Helper()
	nw := memnet.New(memnet.Config{Seed: 1})
	t.Cleanup(nw.Close)
	return &world{
		t: t, cluster: uuid.New(), at: map[uuid.UUID]string{},
		dial: func(host string) DialFunc { return nw.Host(host).Dial },
		listen: func(host string) net.Listener {
			l, err := nw.Host(host).Listen(rpcPort)
			if err != nil {
				t.Fatal(err)
			}
			return l
		},
	}, nw
}

func TestThreeReplicasElectApplyAndReplaceTheirLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := virtual(t)
		all := w.three(time.Second)
		lead, others := leader(t, all...)
		lead.apply(t, "one")
		everywhere(t, "one", all...)
		lead.end()
		next, _ := leader(t, others...)
		next.apply(t, "two")
		everywhere(t, "two", others...)
		back := w.start(lead.host, lead.disk).startRaft(time.Second)
		everywhere(t, "two", back)
		for _, p := range append(others, back) {
			p.end()
		}
	})
}

func TestAVoteAndTheConfigurationNameUUIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := virtual(t)
		all := w.three(time.Second)
		lead, others := leader(t, all...)
		if address, _ := lead.raft.LeaderWithID(); string(address) != lead.disk.id.String() {
			t.Errorf("the leader's address is %s", address)
		}
		voted := 0
		for _, p := range others {
			candidate, err := p.disk.logs.Get([]byte("LastVoteCand"))
			if err == nil && string(candidate) == lead.disk.id.String() {
				voted++
			}
		}
		if voted == 0 {
			t.Error("nobody remembers a vote for the leader's UUID")
		}
		for _, p := range all {
			p.end()
		}
	})
}

func TestAReplicaThatMovedRejoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := virtual(t)
		all := w.three(time.Second)
		lead, others := leader(t, all...)
		others[0].end()
		lead.apply(t, "while away")
		moved := w.start("10.0.0.9", others[0].disk).startRaft(time.Second)
		everywhere(t, "while away", moved)
		for _, p := range []*process{lead, others[1], moved} {
			p.end()
		}
	})
}

func TestAReplicaThatIsFarBehindGetsASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, nw := virtual(t)
		all := w.three(time.Second)
		lead, others := leader(t, all...)
		nw.Partition([]string{others[0].host}, []string{lead.host, others[1].host})
		large := strings.Repeat("x", 4<<20) // many times what the network holds
		for range 5 {
			lead.apply(t, large)
		}
		lead.apply(t, "last")
		if err := lead.raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		nw.Heal()
		everywhere(t, "last", others[0])
		if !others[0].fsm.has(large) || others[0].raft.Stats()["last_snapshot_index"] == "0" {
			t.Error("it came another way")
		}
		for _, p := range all {
			p.end()
		}
	})
}

// wiped plays the story of an emptied disk: an event is acked by the leader and
// one follower while the other is cut off. The follower's disk is emptied, and a
// new replica starts at its address; the leader dies, and who was cut off comes
// back. It returns whether that one, which never had the event, was elected within
// a minute, and what the new replica's server has refused.
func wiped(t *testing.T, unsafe bool) (elected bool, refused float64) {
	t.Helper()
	w, nw := virtual(t)
	w.unsafe = unsafe
	all := w.three(time.Second)
	lead, others := leader(t, all...)
	behind, emptied := others[0], others[1]
	nw.Partition([]string{behind.host}, []string{lead.host, emptied.host})
	lead.apply(t, "acked")
	everywhere(t, "acked", lead, emptied)

	emptied.end()
	fresh := w.start(emptied.host, newDisk()).startRaft(time.Second) // resolve still finds the old UUID there
	nw.Crash(lead.host)                                              // what it sent to who was cut off is lost with it
	lead.end()
	nw.Heal()
	for begin := time.Now(); time.Since(begin) < time.Minute && !elected; {
		<-time.After(10 * time.Millisecond)
		elected = behind.raft.State() == raft.Leader
	}
	if behind.fsm.has("acked") {
		t.Error("who was cut off has the event after all: the story shows nothing")
	}
	refused = counted(t, fresh.server.metrics.refused.WithLabelValues("wrong_target"))
	if !elected {
		back := w.start(lead.host, lead.disk).startRaft(time.Second)
		if led, _ := leader(t, back, behind); led != back {
			t.Error("who has not the event leads who has")
		}
		everywhere(t, "acked", behind)
		back.end()
	}
	behind.end()
	fresh.end()
	return elected, refused
}

func TestAWipedDiskDoesNotVoteInTheNameOfTheOldOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		elected, refused := wiped(t, false)
		if elected {
			t.Error("an acked event is lost: its new leader was elected with an emptied disk's vote")
		}
		if refused == 0 {
			t.Error("nothing was refused: the story did not come so far")
		}
	})
}

// The story above is a test only if it ends badly without the check.
func TestWithoutTheCheckOfTargetsTheWipedDiskVotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if elected, _ := wiped(t, true); !elected {
			t.Error("not elected: the story shows nothing")
		}
	})
}

// loopback is a world on loopback. Every host has a port of its own.
func loopback(t *testing.T) *world {
	t.Helper()
	return &world{
		t: t, cluster: uuid.New(), at: map[uuid.UUID]string{},
		dial: func(string) DialFunc { return nil },
		listen: func(string) net.Listener {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			return l
		},
	}
}

func TestThreeReplicasOnLoopback(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "clear", true: "tls"}[secure], func(t *testing.T) {
			w := loopback(t)
			if secure {
				server, client := certificates(t)
				w.mux.TLS = func() *tls.Config { return server }
				w.dial = func(string) DialFunc { return TLS(nil, func() *tls.Config { return client }) }
			}
			all := w.three(300 * time.Millisecond)
			applyAny(t, "one", all...)
			everywhere(t, "one", all...)
			lead, others := leader(t, all...)
			lead.end()
			applyAny(t, "two", others...)
			back := w.start("", lead.disk).startRaft(300 * time.Millisecond) // at another port
			everywhere(t, "two", back)
			for _, p := range append(others, back) {
				p.end()
			}
		})
	}
}

func certificates(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return &tls.Config{Certificates: []tls.Certificate{cert}}, &tls.Config{RootCAs: pool}
}

func TestARequestOnAStaleConnectionIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := virtual(t)
		a := w.start("10.0.0.1", newDisk())
		from := NewTransport(a.layer, TransportConfig{})
		d := newDisk()
		ask := func() error {
			b := w.start("10.0.0.2", d)
			to := NewTransport(b.layer, TransportConfig{})
			ctx, cancel := context.WithCancel(t.Context())
			defer func() { cancel(); _ = to.Close(); b.end() }()
			go func() {
				select {
				case rpc := <-to.Consumer():
					rpc.Respond(&raft.RequestVoteResponse{Granted: true}, nil)
				case <-ctx.Done():
				}
			}()
			id := d.id.String()
			var resp raft.RequestVoteResponse
			err := from.RequestVote(raft.ServerID(id), raft.ServerAddress(id), &raft.RequestVoteRequest{Term: 7}, &resp)
			if err == nil && !resp.Granted {
				t.Error("the answer got lost")
			}
			return err
		}
		for i := range 3 { // each time the pool has a connection to the life before
			if err := ask(); err != nil {
				t.Errorf("request %d: %v", i, err)
			}
		}
		_ = from.Close()
		a.end()
	})
}
