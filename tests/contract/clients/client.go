// Calls of a service by the client that openapi-generator generates; prints what came back.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"

	"example/generated"
)

func must[T any](value T, _ any, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	settings := generated.NewConfiguration()
	settings.Servers = generated.ServerConfigurations{{URL: os.Args[1]}}
	sessions := generated.NewAPIClient(settings).SessionsAPI
	ctx, fleet := context.Background(), "tiny"
	assign := func(id string) generated.ApiAssignRequest {
		body := generated.NewAssignBody()
		body.SetSessionId(id)
		return sessions.Assign(ctx, fleet).AssignBody(*body)
	}

	first, answer, err := assign("s-1").Execute()
	must(first, answer, err)
	again := must(assign("s-1").Execute())
	renewed := must(sessions.Renew(ctx, fleet).RenewBody(*generated.NewRenewBody([]string{"s-1", "s-2"})).Execute())
	completed := must(sessions.Complete(ctx, fleet).CompleteBody(*generated.NewCompleteBody("s-1")).Execute())
	id := generated.NewAssignBody()
	id.SetSessionId("s-3")
	opened := generated.AssignOperationAsOperationsInner(generated.NewAssignOperation(*id))
	ended := generated.CompleteOperationAsOperationsInner(
		generated.NewCompleteOperation(*generated.NewCompleteBody("s-3")))
	operations := *generated.NewOperationsBody([]generated.OperationsInner{opened, ended, opened})
	bulk := must(sessions.Operate(ctx, fleet).OperationsBody(operations).Execute())
	statuses := []int32{}
	for _, outcome := range bulk.Outcomes {
		statuses = append(statuses, outcome.Status)
	}

	_, refusal, err := assign("s-1").Execute()
	var refused *generated.GenericOpenAPIError
	if !errors.As(err, &refused) {
		log.Fatal("not refused: ", err)
	}
	problem := refused.Model().(generated.Problem)
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"assigned":       []any{answer.StatusCode, first.Placement.SessionId, first.Placement.Replayed},
		"assigned again": []any{again.Placement.SessionId, again.Placement.Replayed},
		"renewed":        [][]string{renewed.Renewed, renewed.Unknown},
		"completed":      completed.Completed.GetOutcome(),
		"bulk":           statuses,
		"refused":        []any{refusal.StatusCode, problem.Code, problem.GetReason()},
	})
}
