// Command addons does for a small cluster what a cloud does elsewhere: it gives LoadBalancer
// Services an address from a range, and PersistentVolumeClaims a directory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "file with the API server's address and credentials")
	addresses := flag.String("addresses", "", "range the LoadBalancer addresses come from, e.g. 10.250.1.0/24")
	volumes := flag.String("volumes", "", "directory, the same on every node, in which volumes are made")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *kubeconfig, *addresses, *volumes); err != nil {
		klog.ErrorS(err, "addons stopped")
		klog.Flush()
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, addresses, volumes string) error {
	if kubeconfig == "" || volumes == "" {
		return errors.New("--kubeconfig and --volumes are required")
	}
	pool, err := netip.ParsePrefix(addresses)
	if err != nil {
		return fmt.Errorf("--addresses: %w", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("read %s: %w", kubeconfig, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client from %s: %w", kubeconfig, err)
	}
	go provisionVolumes(ctx, client, volumes)
	return allocateAddresses(ctx, client, pool)
}
