package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// allocator gives each LoadBalancer Service the lowest free address of its pool. One worker runs
// it, so that two Services never get the same address.
type allocator struct {
	client   kubernetes.Interface
	services listers.ServiceLister
	pool     netip.Prefix
	// given holds what the lister may not show yet.
	given map[types.UID]netip.Addr
}

func allocateAddresses(ctx context.Context, client kubernetes.Interface, pool netip.Prefix) error {
	factory := informers.NewSharedInformerFactory(client, 10*time.Minute)
	informer := factory.Core().V1().Services()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	add := func(object any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
			queue.Add(key)
		}
	}
	_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    add,
		UpdateFunc: func(_, object any) { add(object) },
		DeleteFunc: add,
	})
	if err != nil {
		return fmt.Errorf("watch Services: %w", err)
	}
	a := allocator{client: client, services: informer.Lister(), pool: pool, given: map[types.UID]netip.Addr{}}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced) {
		return errors.New("stopped before the Services were read")
	}
	go func() { <-ctx.Done(); queue.ShutDown() }()
	for {
		key, stopped := queue.Get()
		if stopped {
			return nil
		}
		if err := a.serve(ctx, key); err != nil {
			klog.ErrorS(err, "no address given, will try again", "service", key)
			queue.AddRateLimited(key)
		} else {
			queue.Forget(key)
		}
		queue.Done(key)
	}
}

func (a *allocator) serve(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return err
	}
	service, err := a.services.Services(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if !wantsAddress(service) {
		return nil
	}
	address, err := a.choose(service.UID)
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{
		"loadBalancer": v1.LoadBalancerStatus{Ingress: []v1.LoadBalancerIngress{{IP: address.String()}}},
	}})
	if err != nil {
		return err
	}
	_, err = a.client.CoreV1().Services(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) {
		delete(a.given, service.UID)
		return nil
	}
	if err != nil {
		return err
	}
	klog.InfoS("address given", "service", key, "address", address)
	return nil
}

func wantsAddress(service *v1.Service) bool {
	return service.Spec.Type == v1.ServiceTypeLoadBalancer &&
		service.Spec.LoadBalancerClass == nil &&
		service.DeletionTimestamp == nil &&
		len(service.Status.LoadBalancer.Ingress) == 0
}

// choose returns the address already promised to the Service, else the lowest that no Service has.
func (a *allocator) choose(owner types.UID) (netip.Addr, error) {
	services, err := a.services.List(labels.Everything())
	if err != nil {
		return netip.Addr{}, err
	}
	used, alive := map[netip.Addr]bool{}, map[types.UID]bool{}
	for _, service := range services {
		alive[service.UID] = service.Spec.Type == v1.ServiceTypeLoadBalancer
		for _, ingress := range service.Status.LoadBalancer.Ingress {
			if address, err := netip.ParseAddr(ingress.IP); err == nil {
				used[address] = true
			}
		}
	}
	for uid := range a.given {
		if !alive[uid] {
			delete(a.given, uid)
		}
	}
	if address, ok := a.given[owner]; ok {
		return address, nil
	}
	for _, address := range a.given {
		used[address] = true
	}
	for address := a.pool.Masked().Addr().Next(); a.pool.Contains(address.Next()); address = address.Next() {
		if !used[address] {
			a.given[owner] = address
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("all addresses of %s are taken: delete a LoadBalancer Service", a.pool)
}
