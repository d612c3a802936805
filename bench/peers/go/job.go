package main

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// argumentBytesMax is what Linux can exec.
const argumentBytesMax = 131_071

var (
	questionForm  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,52}[a-z0-9])?$`)
	recipientForm = regexp.MustCompile(
		`^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	// The kubelet would expand these.
	dollarEscaper = strings.NewReplacer("$$", `\u0024\u0024`, "$(", `\u0024(`)
)

// jobSettings is what all Jobs have in common.
type jobSettings struct {
	repositoryURL, queue, serviceAccount, topic string
	command                                     []string
	cpus, memory, ephemeralStorage              string
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type container struct {
	Args      []string   `json:"args"`
	Command   []string   `json:"command,omitempty"`
	Env       []variable `json:"env"`
	Image     string     `json:"image"`
	Name      string     `json:"name"`
	Resources struct {
		Requests map[string]any `json:"requests"`
	} `json:"resources"`
}

type podSpec struct {
	Containers         []container `json:"containers"`
	RestartPolicy      string      `json:"restartPolicy"`
	ServiceAccountName string      `json:"serviceAccountName"`
}

type job struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Labels map[string]string `json:"labels"`
		Name   string            `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Completions int  `json:"completions"`
		Parallelism int  `json:"parallelism"`
		Suspend     bool `json:"suspend"`
		Template    struct {
			Spec podSpec `json:"spec"`
		} `json:"template"`
	} `json:"spec"`
}

// jobBody is the Job of a question, or why a cluster would never start it.
func (s *jobSettings) jobBody(e *event) ([]byte, error) {
	question, recipient := e.attributes["question_uuid"], e.attributes["recipient"]
	if !questionForm.MatchString(question) {
		return nil, errors.New("the question_uuid cannot name a Job")
	}
	if !recipientForm.MatchString(recipient) {
		return nil, errors.New("the recipient is no service revision")
	}
	arguments, err := e.arguments()
	if err != nil {
		return nil, err
	}
	pod := container{
		Args: arguments, Command: s.command, Image: s.repositoryURL + "/" + recipient, Name: "question-" + question,
		Env: []variable{
			{"TWINED_SERVICES_TOPIC_NAME", s.topic}, {"COMPUTE_PROVIDER", "GOOGLE_KUEUE"},
			{"OCTUE_SERVICE_REVISION_TAG", recipient[strings.LastIndex(recipient, ":")+1:]},
			{"OCTUE_SERVICES_TOPIC_NAME", s.topic},
		},
	}
	pod.Resources.Requests = map[string]any{
		"cpu":               s.cpu(e),
		"memory":            attribute(e, "memory", s.memory),
		"ephemeral-storage": attribute(e, "ephemeral_storage", s.ephemeralStorage),
	}
	var body job
	body.APIVersion, body.Kind = "batch/v1", "Job"
	body.Metadata.Name = pod.Name
	body.Metadata.Labels = map[string]string{"kueue.x-k8s.io/queue-name": s.queue}
	body.Spec.Completions, body.Spec.Parallelism, body.Spec.Suspend = 1, 1, true
	body.Spec.Template.Spec = podSpec{[]container{pod}, "Never", s.serviceAccount}
	return marshal(body)
}

// cpu is the event's own, or the default, which is sent as a number when it is one.
func (s *jobSettings) cpu(e *event) any {
	if value, ok := e.attributes["cpus"]; ok {
		return value
	}
	if number, err := strconv.Atoi(s.cpus); err == nil {
		return number
	}
	return s.cpus
}

func attribute(e *event, name, fallback string) string {
	if value, ok := e.attributes[name]; ok {
		return value
	}
	return fallback
}

func (e *event) arguments() ([]string, error) {
	attributes, err := marshal(e.attributes)
	if err != nil {
		return nil, err
	}
	arguments := []string{"--attributes", dollarEscaper.Replace(string(attributes))}
	for _, input := range []struct{ option, name string }{
		{"--input-values", "input_values"}, {"--input-manifest", "input_manifest"},
	} {
		value := e.content[input.name]
		if !isTrue(value) {
			continue
		}
		arguments = append(arguments, input.option, dollarEscaper.Replace(string(value)))
	}
	for _, argument := range arguments {
		if len(argument) > argumentBytesMax {
			return nil, errors.New("an argument is longer than Linux can exec")
		}
	}
	return arguments, nil
}
