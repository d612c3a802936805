// The two functions as a user would write them in Go: net/http, encoding/json, nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	exitUsage         = 64
	exitCannotListen  = 71
	exitConfiguration = 78
	bodyBytesMax      = 16 << 20
	// The platform kills ten seconds after SIGTERM.
	drainTime = 9 * time.Second
)

func main() {
	handler, err := function()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	settings := &settings{}
	serve := handler(settings)
	if len(settings.problems) > 0 {
		fmt.Fprintln(os.Stderr, strings.Join(settings.problems, "\n"))
		os.Exit(exitConfiguration)
	}
	run(net.JoinHostPort(settings.optional("HOST", "0.0.0.0"), settings.optional("PORT", "8080")), serve)
}

// function is what the argument names, or without one FUNCTION_TARGET.
func function() (func(*settings) http.Handler, error) {
	name := os.Getenv("FUNCTION_TARGET")
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	switch name {
	case "event-handler", "handle_event":
		return newEventHandler, nil
	case "service-registry", "handle_request":
		return newServiceRegistry, nil
	}
	return nil, errors.New("usage: go event-handler | service-registry")
}

func run(address string, handler http.Handler) {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       620 * time.Second,
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitCannotListen)
	}
	stop, release := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer release()
	drained := make(chan error, 1)
	go func() {
		<-stop.Done()
		limit, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		drained <- server.Shutdown(limit)
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := <-drained; err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// settings reads environment variables and collects what is wrong with them.
type settings struct {
	problems []string
}

func (s *settings) required(name string) string {
	value := os.Getenv(name)
	if value == "" {
		s.problems = append(s.problems, name+" is not set")
	}
	return value
}

func (s *settings) optional(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

// endpoint is a Google service's own address, or the one that gcloud's override names.
func (s *settings) endpoint(service string) string {
	value := s.optional("CLOUDSDK_API_ENDPOINT_OVERRIDES_"+strings.ToUpper(service),
		"https://"+service+".googleapis.com/")
	return strings.TrimSuffix(strings.TrimRight(value, "/"), "/bigquery/v2")
}

// eventTime is how long one event may take: the platform's limit, less five seconds.
func (s *settings) eventTime() time.Duration {
	seconds, err := strconv.Atoi(s.optional("CLOUD_RUN_TIMEOUT_SECONDS", "60"))
	if err != nil || seconds < 10 || seconds > 3600 {
		s.problems = append(s.problems, "CLOUD_RUN_TIMEOUT_SECONDS is not a number from 10 to 3600")
	}
	return time.Duration(seconds-5) * time.Second
}
