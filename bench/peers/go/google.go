package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	scope          = "https://www.googleapis.com/auth/cloud-platform"
	tokenAheadTime = 225 * time.Second
	idleHostMax    = 256
	googleIdleTime = 240 * time.Second
	answerBytesMax = 16 << 20
)

// statusError is an answer that says no.
type statusError struct {
	status int
	body   []byte
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d", e.status) }

// newClient keeps connections, enough of them for every event in flight.
func newClient(adjust func(*http.Transport)) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0
	transport.MaxIdleConnsPerHost = idleHostMax
	transport.IdleConnTimeout = googleIdleTime
	if adjust != nil {
		adjust(transport)
	}
	return &http.Client{
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// do sends a request and reads the whole answer, so that the connection can be used again.
func do(client *http.Client, request *http.Request) ([]byte, error) {
	// Every call here may be made twice; the empty field tells the transport so, and is not sent.
	request.Header["Idempotency-Key"] = nil
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, &statusError{response.StatusCode, body}
	}
	return body, nil
}

// tokenSource has the metadata server's access token, fetched when it is about to expire.
type tokenSource struct {
	base    string
	client  *http.Client
	mutex   sync.Mutex
	token   string
	expires time.Time
}

func newTokenSource(s *settings) *tokenSource {
	host := s.optional("GCE_METADATA_HOST", "metadata.google.internal")
	return &tokenSource{base: "http://" + host + "/computeMetadata/v1/", client: newClient(nil)}
}

func (t *tokenSource) metadata(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.base+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Metadata-Flavor", "Google")
	return do(t.client, request)
}

func (t *tokenSource) get(ctx context.Context) (string, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if time.Until(t.expires) > tokenAheadTime {
		return t.token, nil
	}
	body, err := t.metadata(ctx, "instance/service-accounts/default/token?scopes="+scope)
	if err != nil {
		return "", err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", err
	}
	t.token = answer.AccessToken
	t.expires = time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second)
	return t.token, nil
}

func (t *tokenSource) forget() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.expires = time.Time{}
}

// call sends one request with the token to a service.
func (t *tokenSource) call(
	ctx context.Context, client *http.Client, method, url string, body []byte,
) ([]byte, error) {
	token, err := t.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if request.URL.Scheme == "https" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	request.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := do(client, request)
	if hasStatus(err, http.StatusUnauthorized) {
		t.forget()
	}
	return answer, err
}
