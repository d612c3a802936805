package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

const (
	lookupTime         = 10 * time.Second
	repositorySeenTime = 5 * time.Minute
)

var (
	serviceForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
)

// serviceRegistry answers whether a service revision exists, and which is a service's default.
type serviceRegistry struct {
	token          *tokenSource
	google         *http.Client
	repository     string
	lookupTime     time.Duration
	repositorySeen atomic.Int64
}

func newServiceRegistry(s *settings) http.Handler {
	registry := &serviceRegistry{
		token: newTokenSource(s), google: newClient(nil), lookupTime: lookupTime,
		repository: s.endpoint("artifactregistry") + "/v1/" +
			strings.Trim(s.required("ARTIFACT_REGISTRY_REPOSITORY_ID"), "/"),
	}
	if limit := s.eventTime(); limit < registry.lookupTime {
		registry.lookupTime = limit
	}
	if len(s.problems) == 0 {
		go registry.warmUp()
	}
	return registry
}

func (s *serviceRegistry) warmUp() {
	ctx, cancel := context.WithTimeout(context.Background(), s.lookupTime)
	defer cancel()
	if _, err := s.token.get(ctx); err != nil {
		logLine(record{Severity: "WARNING", Message: "there is no token yet", Reason: err.Error()})
	}
}

func (s *serviceRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		answer(w, http.StatusMethodNotAllowed, "Look-ups are GETs.")
		return
	}
	switch r.URL.Path {
	case "/health":
		answer(w, http.StatusOK, "ok\n")
		return
	case "/robots.txt", "/favicon.ico":
		answer(w, http.StatusNotFound, "Not Found")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.lookupTime)
	defer cancel()
	name, tag := strings.Trim(r.URL.Path, "/"), r.URL.Query().Get("revision_tag")
	var found string
	var err error
	if serviceForm.MatchString(name) && (tag == "" || tagForm.MatchString(tag)) {
		found, err = s.lookUp(ctx, name, tag)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		failed(w, http.StatusGatewayTimeout, "Artifact Registry did not answer in time", err)
	case err != nil:
		failed(w, http.StatusBadGateway, "Artifact Registry could not be asked", err)
	case found == "" && tag == "":
		answer(w, http.StatusNotFound, fmt.Sprintf("No default service revision found for '%s'.", name))
	case found == "":
		answer(w, http.StatusNotFound, "Service revision does not exist")
	case tag == "":
		w.Header().Set("Content-Type", "application/json")
		body, _ := json.Marshal(map[string]string{"revision_tag": found})
		answer(w, http.StatusOK, string(body)+"\n")
	default:
		answer(w, http.StatusOK, "Service revision found")
	}
}

func failed(w http.ResponseWriter, status int, text string, err error) {
	logLine(record{Severity: "ERROR", Message: "a look-up failed", Reason: err.Error()})
	answer(w, status, text)
}

// lookUp is the tag, or without one the default's; empty where there is none.
func (s *serviceRegistry) lookUp(ctx context.Context, name, tag string) (string, error) {
	// The identifier holds an escaped slash, and is escaped again as a part of the path.
	wanted := tag
	if wanted == "" {
		wanted = "default"
	}
	image := strings.ReplaceAll(name, "/", "%2F")
	body, err := s.get(ctx, "/packages/"+url.PathEscape(image)+"/tags/"+wanted)
	if err != nil || body == nil || tag != "" {
		return foundOr(body, tag), err
	}
	var version struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(body, &version); err != nil {
		return "", err
	}
	digest := version.Version[strings.LastIndex(version.Version, "/")+1:]
	body, err = s.get(ctx, "/dockerImages/"+url.PathEscape(image)+"@"+digest)
	if err != nil || body == nil {
		return "", err
	}
	var details struct {
		Tags []string `json:"tags"`
	}
	if err := json.Unmarshal(body, &details); err != nil {
		return "", err
	}
	for _, tag := range details.Tags {
		if tag != "default" && tag != "latest" {
			return tag, nil
		}
	}
	return "default", nil
}

func foundOr(body []byte, tag string) string {
	if body == nil {
		return ""
	}
	return tag
}

// get is the answer to a GET below the repository; nil when there is no such thing in a repository that exists.
func (s *serviceRegistry) get(ctx context.Context, path string) ([]byte, error) {
	body, err := s.token.call(ctx, s.google, http.MethodGet, s.repository+path, nil)
	if err == nil {
		s.repositorySeen.Store(time.Now().UnixNano())
		return body, nil
	}
	if !hasStatus(err, http.StatusNotFound) {
		return nil, err
	}
	if time.Since(time.Unix(0, s.repositorySeen.Load())) < repositorySeenTime {
		return nil, nil
	}
	if _, err := s.token.call(ctx, s.google, http.MethodGet, s.repository, nil); err != nil {
		return nil, err
	}
	s.repositorySeen.Store(time.Now().UnixNano())
	return nil, nil
}
