package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// insertBytesMax is BigQuery's limit of a request.
const insertBytesMax = 10_485_760

// errNeverStored marks what no redelivery can mend.
var errNeverStored = errors.New("it can never be stored")

// eventHandler stores every event, starts questions and ends those that are cancelled.
type eventHandler struct {
	token     *tokenSource
	google    *http.Client
	table     *table
	cluster   *cluster
	jobs      jobSettings
	eventTime time.Duration
}

func newEventHandler(s *settings) http.Handler {
	token, google := newTokenSource(s), newClient(nil)
	handler := &eventHandler{
		token: token, google: google, eventTime: s.eventTime(), table: newTable(s, token),
		cluster: &cluster{
			token: token, google: google, namespace: s.optional("JOB_NAMESPACE", "default"),
			url: s.endpoint("container") + "/v1/" + s.required("KUBERNETES_CLUSTER_ID") +
				"?fields=endpoint,masterAuth/clusterCaCertificate",
		},
		jobs: jobSettings{
			repositoryURL:    s.required("ARTIFACT_REGISTRY_REPOSITORY_URL"),
			queue:            s.required("KUEUE_LOCAL_QUEUE"),
			serviceAccount:   s.required("KUBERNETES_SERVICE_ACCOUNT_NAME"),
			topic:            s.optional("TWINED_SERVICES_TOPIC_NAME", s.optional("OCTUE_SERVICES_TOPIC_NAME", "")),
			command:          strings.Fields(s.optional("JOB_COMMAND", "octue twined question ask-local")),
			cpus:             s.required("QUESTION_DEFAULT_CPUS"),
			memory:           s.required("QUESTION_DEFAULT_MEMORY"),
			ephemeralStorage: s.required("QUESTION_DEFAULT_EPHEMERAL_STORAGE"),
		},
	}
	if handler.jobs.topic == "" {
		s.problems = append(s.problems, "TWINED_SERVICES_TOPIC_NAME is not set")
	}
	if len(s.problems) == 0 {
		go handler.warmUp()
	}
	return handler
}

// warmUp fetches beforehand what the first event would wait for. What fails is tried again by that event.
func (h *eventHandler) warmUp() {
	ctx, cancel := context.WithTimeout(context.Background(), h.eventTime)
	defer cancel()
	if _, err := h.table.insertAllURL(ctx); err != nil {
		logLine(record{Severity: "WARNING", Message: "the project is not known yet", Reason: err.Error()})
	}
	if _, _, err := h.cluster.locate(ctx); err != nil {
		logLine(record{Severity: "WARNING", Message: "the cluster is not known yet", Reason: err.Error()})
	}
}

func (h *eventHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path == "/health" {
		answer(w, http.StatusOK, "ok\n")
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		answer(w, http.StatusMethodNotAllowed, "Events are POSTed.\n")
		return
	}
	start := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
	if err != nil {
		answer(w, http.StatusRequestEntityTooLarge, "The body cannot be read.\n")
		return
	}
	event, err := parseEvent(body)
	if err != nil {
		logLine(record{Severity: "ERROR", Message: "refused", Reason: err.Error()})
		answer(w, http.StatusBadRequest, "This is no event.\n")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.eventTime)
	defer cancel()
	outcome, err := h.handle(ctx, event)
	line := record{
		Severity: "INFO", Message: "event handled", Event: event.attributes["uuid"], Kind: event.kind,
		Question: event.attributes["question_uuid"], Outcome: outcome,
		Trace:        r.Header.Get("traceparent"),
		Milliseconds: float64(time.Since(start).Microseconds()) / 1000,
	}
	if err != nil {
		line.Severity, line.Message, line.Reason = "ERROR", "event not handled", err.Error()
		logLine(line)
		status := http.StatusServiceUnavailable
		if errors.Is(err, errNeverStored) {
			status = http.StatusBadRequest
		}
		answer(w, status, "The event was not handled.\n")
		return
	}
	logLine(line)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	answer(w, http.StatusOK, "OK")
}

// handle stores the event, then dispatches or cancels.
func (h *eventHandler) handle(ctx context.Context, e *event) (string, error) {
	if err := h.store(ctx, e); err != nil {
		return "not stored", err
	}
	switch e.kind {
	case "question":
		job, err := h.jobs.jobBody(e)
		if err != nil {
			logLine(record{Severity: "ERROR", Message: "question not dispatchable", Reason: err.Error(),
				Event: e.attributes["uuid"]})
			return "stored; not dispatchable", nil
		}
		return "dispatched", h.cluster.create(ctx, job)
	case "cancellation":
		question := e.attributes["question_uuid"]
		if !questionForm.MatchString(question) {
			return "stored", nil
		}
		return "cancelled", h.cluster.delete(ctx, question)
	}
	return "stored", nil
}

// store inserts the event's row. Failures of rows come inside a 200.
func (h *eventHandler) store(ctx context.Context, e *event) error {
	body, err := e.insertAllBody()
	if err != nil {
		return err
	}
	if len(body) > insertBytesMax {
		return fmt.Errorf("%w: the row is too large", errNeverStored)
	}
	url, err := h.table.insertAllURL(ctx)
	if err != nil {
		return err
	}
	answer, err := h.token.call(ctx, h.google, http.MethodPost, url, body)
	if err != nil {
		return fmt.Errorf("bigquery: %w", err)
	}
	var result struct {
		InsertErrors []struct {
			Errors []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"insertErrors"`
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return fmt.Errorf("bigquery: %w", err)
	}
	for _, row := range result.InsertErrors {
		for _, reason := range row.Errors {
			if reason.Reason == "invalid" {
				return fmt.Errorf("%w: the row is invalid", errNeverStored)
			}
		}
	}
	if len(result.InsertErrors) > 0 {
		return errors.New("bigquery: the row was not taken")
	}
	return nil
}

// table is where rows go. Its project may have to be asked for.
type table struct {
	endpoint, dataset, name string
	token                   *tokenSource
	mutex                   sync.Mutex
	project                 string
}

func newTable(s *settings, token *tokenSource) *table {
	parts := strings.Split(s.required("BIGQUERY_EVENTS_TABLE"), ".")
	found := &table{endpoint: s.endpoint("bigquery"), token: token}
	switch len(parts) {
	case 2:
		found.project = s.optional("GOOGLE_CLOUD_PROJECT", s.optional("GCLOUD_PROJECT", ""))
	case 3:
		found.project = parts[0]
	default:
		s.problems = append(s.problems, "BIGQUERY_EVENTS_TABLE is no <dataset>.<table>")
		return found
	}
	found.dataset, found.name = parts[len(parts)-2], parts[len(parts)-1]
	return found
}

func (t *table) insertAllURL(ctx context.Context) (string, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.project == "" {
		project, err := t.token.metadata(ctx, "project/project-id")
		if err != nil {
			return "", fmt.Errorf("project: %w", err)
		}
		t.project = string(project)
	}
	return t.endpoint + "/bigquery/v2/projects/" + t.project + "/datasets/" + t.dataset + "/tables/" + t.name +
		"/insertAll?prettyPrint=false", nil
}

// record is one line of the log, in Cloud Logging's form.
type record struct {
	Severity     string  `json:"severity"`
	Message      string  `json:"message"`
	Time         string  `json:"time"`
	Trace        string  `json:"logging.googleapis.com/trace,omitempty"`
	Event        string  `json:"event,omitempty"`
	Kind         string  `json:"kind,omitempty"`
	Question     string  `json:"question,omitempty"`
	Outcome      string  `json:"outcome,omitempty"`
	Reason       string  `json:"reason,omitempty"`
	Milliseconds float64 `json:"ms,omitempty"`
}

func logLine(line record) {
	line.Time = time.Now().UTC().Format(time.RFC3339Nano)
	text, err := json.Marshal(line)
	if err != nil {
		text = []byte(`{"severity":"ERROR","message":"a log line could not be written"}`)
	}
	os.Stderr.Write(append(text, '\n'))
}

func answer(w http.ResponseWriter, status int, text string) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.WriteHeader(status)
	io.WriteString(w, text)
}
