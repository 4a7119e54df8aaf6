package ingest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// What a node does for a request besides the network and the stream.
func BenchmarkHandler(b *testing.B) {
	h, err := New(Config{
		Dispatch: func(context.Context, string, []event.Event) error { return nil },
		Publish: func(_ context.Context, _, _ string, events []event.Event, _ ...eventnode.PublishOption) (eventnode.Published, error) {
			return eventnode.Published{Appended: len(events)}, nil
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	const count = 100
	for name, tt := range map[string]struct {
		header []string
		body   string
		events int
	}{
		"binary":     {binary, `{"id":1}`, 1},
		"structured": {[]string{"Content-Type", structured}, one, 1},
		"batched":    {[]string{"Content-Type", batched}, "[" + one + strings.Repeat(","+one, count-1) + "]", count},
	} {
		b.Run(fmt.Sprintf("%s/%d", name, tt.events), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/v1/streams/s/events", strings.NewReader(tt.body))
				for i := 0; i < len(tt.header); i += 2 {
					r.Header.Set(tt.header[i], tt.header[i+1])
				}
				w := httptest.NewRecorder()
				if h.ServeHTTP(w, r); w.Code != http.StatusCreated {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
