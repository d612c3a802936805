package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

const insertIDBytesMax = 128

// push is the body that Pub/Sub pushes, with or without CloudEvent header fields.
type push struct {
	Message *struct {
		Data        []byte            `json:"data"`
		Attributes  map[string]string `json:"attributes"`
		MessageID   string            `json:"messageId"`
		MessageID2  string            `json:"message_id"`
		OrderingKey *string           `json:"orderingKey"`
	} `json:"message"`
}

// event is a message of the service network.
type event struct {
	kind        string
	attributes  map[string]string
	content     map[string]json.RawMessage
	messageID   string
	orderingKey *string
}

var requiredAttributes = []string{
	"datetime", "uuid", "parent", "originator", "sender", "sender_type", "sender_sdk_version", "recipient",
	"question_uuid", "originator_question_uuid",
}

func parseEvent(body []byte) (*event, error) {
	var push push
	if err := json.Unmarshal(body, &push); err != nil {
		return nil, errors.New("not a Pub/Sub push")
	}
	if push.Message == nil {
		return nil, errors.New("no message")
	}
	message := push.Message
	found := &event{attributes: message.Attributes, messageID: message.MessageID, orderingKey: message.OrderingKey}
	if found.messageID == "" {
		found.messageID = message.MessageID2
	}
	for _, name := range requiredAttributes {
		if _, ok := found.attributes[name]; !ok {
			return nil, fmt.Errorf("the attribute %s is missing", name)
		}
	}
	if err := json.Unmarshal(message.Data, &found.content); err != nil {
		return nil, errors.New("the data is no JSON object")
	}
	if err := json.Unmarshal(found.content["kind"], &found.kind); err != nil {
		return nil, errors.New("the event has no kind")
	}
	delete(found.content, "kind")
	return found, nil
}

// row is a row of the events table. JSON columns travel as strings of JSON.
type row struct {
	Datetime               string  `json:"datetime"`
	UUID                   string  `json:"uuid"`
	Kind                   string  `json:"kind"`
	Event                  string  `json:"event"`
	OtherAttributes        string  `json:"other_attributes"`
	Parent                 string  `json:"parent"`
	Originator             string  `json:"originator"`
	Sender                 string  `json:"sender"`
	SenderType             string  `json:"sender_type"`
	SenderSDKVersion       string  `json:"sender_sdk_version"`
	Recipient              string  `json:"recipient"`
	QuestionUUID           string  `json:"question_uuid"`
	ParentQuestionUUID     *string `json:"parent_question_uuid,omitempty"`
	OriginatorQuestionUUID string  `json:"originator_question_uuid"`
	Backend                string  `json:"backend"`
	BackendMetadata        string  `json:"backend_metadata"`
}

type insertRow struct {
	InsertID string `json:"insertId"`
	JSON     row    `json:"json"`
}

type insertAll struct {
	Rows []insertRow `json:"rows"`
}

var columns = map[string]bool{"parent_question_uuid": true}

func init() {
	for _, name := range requiredAttributes {
		columns[name] = true
	}
}

func (e *event) insertAllBody() ([]byte, error) {
	content, err := marshal(e.content)
	if err != nil {
		return nil, err
	}
	others := make(map[string]string, len(e.attributes))
	for name, value := range e.attributes {
		if !columns[name] {
			others[name] = value
		}
	}
	otherAttributes, err := marshal(others)
	if err != nil {
		return nil, err
	}
	metadata, err := marshal(struct {
		MessageID   string  `json:"message_id"`
		OrderingKey *string `json:"ordering_key"`
	}{e.messageID, e.orderingKey})
	if err != nil {
		return nil, err
	}
	a := e.attributes
	columns := row{
		Datetime: a["datetime"], UUID: a["uuid"], Kind: e.kind, Event: string(content),
		OtherAttributes: string(otherAttributes), Parent: a["parent"], Originator: a["originator"],
		Sender: a["sender"], SenderType: a["sender_type"], SenderSDKVersion: a["sender_sdk_version"],
		Recipient: a["recipient"], QuestionUUID: a["question_uuid"],
		OriginatorQuestionUUID: a["originator_question_uuid"], Backend: "GoogleCloudPubSub",
		BackendMetadata: string(metadata),
	}
	if parent, ok := a["parent_question_uuid"]; ok {
		columns.ParentQuestionUUID = &parent
	}
	return marshal(insertAll{Rows: []insertRow{{InsertID: insertID(a["uuid"]), JSON: columns}}})
}

// insertID is the same for every delivery of an event.
func insertID(uuid string) string {
	if len(uuid) <= insertIDBytesMax {
		return uuid
	}
	digest := sha256.Sum256([]byte(uuid))
	return hex.EncodeToString(digest[:])
}

// marshal writes JSON without the escapes that only HTML needs.
func marshal(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// isTrue tells what Python takes for true.
func isTrue(value json.RawMessage) bool {
	text := strings.TrimSpace(string(value))
	switch text {
	case "", "null", "false", `""`, "[]", "{}":
		return false
	}
	var number float64
	return json.Unmarshal(value, &number) != nil || number != 0
}
