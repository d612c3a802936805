package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	clusterKeptTime    = 10 * time.Minute
	kubernetesIdleTime = 80 * time.Second
)

// cluster is where the API server is, and a client that trusts its CA alone.
type cluster struct {
	token     *tokenSource
	google    *http.Client
	url       string
	namespace string

	mutex   sync.Mutex
	base    string
	client  *http.Client
	ca      string
	expires time.Time
}

func (c *cluster) locate(ctx context.Context) (string, *http.Client, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if time.Now().Before(c.expires) {
		return c.base, c.client, nil
	}
	body, err := c.token.call(ctx, c.google, http.MethodGet, c.url, nil)
	if err != nil {
		return "", nil, err
	}
	var answer struct {
		Endpoint   string `json:"endpoint"`
		MasterAuth struct {
			CA []byte `json:"clusterCaCertificate"`
		} `json:"masterAuth"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", nil, err
	}
	if answer.Endpoint == "" {
		return "", nil, errors.New("the cluster has no endpoint")
	}
	if c.client == nil || c.ca != string(answer.MasterAuth.CA) {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(answer.MasterAuth.CA) {
			return "", nil, errors.New("the cluster's CA is no certificate")
		}
		c.client = newClient(func(transport *http.Transport) {
			transport.TLSClientConfig = &tls.Config{RootCAs: roots}
			transport.IdleConnTimeout = kubernetesIdleTime
		})
		c.ca = string(answer.MasterAuth.CA)
	}
	c.base = "https://" + answer.Endpoint
	c.expires = time.Now().Add(clusterKeptTime)
	return c.base, c.client, nil
}

func (c *cluster) call(ctx context.Context, method, name string, body []byte) error {
	base, client, err := c.locate(ctx)
	if err != nil {
		return err
	}
	url := base + "/apis/batch/v1/namespaces/" + c.namespace + "/jobs" + name
	_, err = c.token.call(ctx, client, method, url, body)
	var refusal *statusError
	if err != nil && !errors.As(err, &refusal) {
		// It may have moved; the event's redelivery asks anew.
		c.mutex.Lock()
		c.expires = time.Time{}
		c.mutex.Unlock()
	}
	return err
}

// create makes the Job; one that is there already is a success, since its name is the question's.
func (c *cluster) create(ctx context.Context, job []byte) error {
	err := c.call(ctx, http.MethodPost, "", job)
	var refusal *statusError
	if errors.As(err, &refusal) && refusal.status == http.StatusConflict &&
		strings.Contains(string(refusal.body), "AlreadyExists") {
		return nil
	}
	return err
}

func (c *cluster) delete(ctx context.Context, question string) error {
	err := c.call(ctx, http.MethodDelete, "/question-"+question, []byte(`{"propagationPolicy":"Background"}`))
	if hasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

func hasStatus(err error, status int) bool {
	var refusal *statusError
	return errors.As(err, &refusal) && refusal.status == status
}
