package memnet

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
)

// gRPC runs over the network in virtual time: calls, an idle hour with
// keep-alives, a split that stalls a call, a crash and a new life.
func TestGRPC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		n.Delay(Any, Any, time.Millisecond, 2*time.Millisecond)
		serve := func() *grpc.Server {
			ln, err := n.Host(hostB).Listen(7401)
			if err != nil {
				t.Fatal(err)
			}
			srv := grpc.NewServer(grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}))
			healthpb.RegisterHealthServer(srv, health.NewServer())
			go func() { _ = srv.Serve(ln) }()
			return srv
		}
		srv := serve()
		cc, err := grpc.NewClient("passthrough:///"+hostB+":7401",
			grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
				return n.Host(hostA).Dial(ctx, addr)
			}),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute, Timeout: time.Minute, PermitWithoutStream: true}),
			grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		client := healthpb.NewHealthClient(cc)
		check := func(timeout time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			_, err := client.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
			return err
		}
		if err := check(time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := check(time.Second); err != nil {
			t.Fatal(err)
		}
		n.Partition([]string{hostA}, []string{hostB})
		if err := check(5 * time.Second); err == nil {
			t.Fatal("a call crossed the split")
		}
		n.Heal()
		if err := check(time.Second); err != nil {
			t.Fatal(err)
		}
		n.Crash(hostB)
		srv.Stop()
		next := serve()
		// The first call may have been given the connection that is now reset.
		eventually(t, 5*time.Second, func() bool { return check(time.Second) == nil })
		_ = cc.Close()
		next.Stop()
		n.Close()
	})
}
