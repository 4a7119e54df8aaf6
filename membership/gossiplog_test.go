package membership

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		dropped := 0
		h := newGossipLog(slog.New(slog.NewTextHandler(&out, nil)), func() { dropped++ }, newContacts(func(Refusal) {}))
		log := slog.NewLogLogger(h, slog.LevelInfo)
		for i := range 1000 {
			log.Printf("[ERR] memberlist: Decrypt packet failed: no key from=192.0.2.%d:%d", i%4, 1000+i)
			log.Printf("[DEBUG] memberlist: Stream connection from=192.0.2.1:%d", i)
			log.Printf("[WARN] memberlist: ignoring alive message for 'n1#1': metadata")
		}
		if got := strings.Count(out.String(), "\n"); got != 4 || dropped != 996 {
			t.Fatalf("%d lines, %d dropped:\n%s", got, dropped, out.String())
		}
		time.Sleep(time.Hour)
		log.Printf("[ERR] memberlist: Decrypt packet failed: no key from=192.0.2.1:1")
		if got := out.String(); !strings.Contains(got, "suppressed=996") || !strings.Contains(got, "level=WARN") {
			t.Fatal(got)
		}
		out.Reset()
		for i := range 1000 {
			log.Printf("[INFO] memberlist: Suspect n%d has failed", i)
			time.Sleep(30 * time.Millisecond) // half a minute in all
		}
		if got := strings.Count(out.String(), "\n"); got < logBurst || got > logBurst+11 {
			t.Fatalf("%d lines", got)
		}
	})
}

func TestLogAddressesAreBounded(t *testing.T) {
	seen := make(map[string]time.Time)
	now := time.Unix(1000, 0)
	news := 0
	for i := range 3 * logAddresses {
		if firstWithin(seen, fmt.Sprint(i), now) {
			news++
		}
	}
	if news != logAddresses || len(seen) != logAddresses {
		t.Fatal(news, len(seen))
	}
	if !firstWithin(seen, "later", now.Add(logForget)) || len(seen) != 1 {
		t.Fatal("old addresses are not forgotten")
	}
}
