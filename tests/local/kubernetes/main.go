// One binary holding the Kubernetes control plane, so that the end-to-end tests run against the real API server,
// the real controllers and the real scheduler on a machine without containers.
//
// The first argument names the component; the rest are its own flags. It never configures anything by itself: which
// flags make a cluster is decided by the stack that starts it (tests/src/kubernetes.rs).
package main

import (
	"flag"
	"fmt"
	"log"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register" // --logging-format=json is accepted only where this was imported
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: control-plane etcd|kube-apiserver|kube-controller-manager|kube-scheduler [flags]")
		os.Exit(2)
	}
	component := os.Args[1]
	os.Args = os.Args[1:]
	switch component {
	case "etcd":
		etcd()
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	default:
		fmt.Fprintf(os.Stderr, "control-plane: unknown component %q\n", component)
		os.Exit(2)
	}
}

// etcd keeps the state of a throw-away cluster: it does not fsync, and a lost directory is nobody's loss.
func etcd() {
	dir := flag.String("data-dir", "", "directory for the data, created when missing")
	client := flag.String("listen-client-url", "", "URL to serve clients on, for example http://127.0.0.1:2379")
	flag.Parse()

	clientURL, err := url.Parse(*client)
	if err != nil || clientURL.Host == "" || *dir == "" {
		log.Fatalf("etcd: --data-dir and --listen-client-url are both needed (got %q and %q)", *dir, *client)
	}
	peerURL := url.URL{Scheme: "http", Host: "127.0.0.1:0"}

	config := embed.NewConfig()
	config.Dir = *dir
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	// Otherwise every request that shares two cores with a compiler is logged as slow.
	config.WarningUnaryRequestDuration = time.Minute
	config.ListenClientUrls = []url.URL{*clientURL}
	config.AdvertiseClientUrls = config.ListenClientUrls
	config.ListenPeerUrls = []url.URL{peerURL}
	config.AdvertisePeerUrls = config.ListenPeerUrls
	config.InitialCluster = config.InitialClusterFromName(config.Name)

	server, err := embed.StartEtcd(config)
	if err != nil {
		log.Fatalf("etcd: %v", err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	select {
	case <-stop:
		server.Close()
	case err := <-server.Err():
		log.Fatalf("etcd: %v", err)
	}
}
