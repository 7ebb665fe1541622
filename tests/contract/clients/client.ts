// Calls of a service by openapi-fetch with the types that openapi-typescript generates; prints what came back.
import createClient from "openapi-fetch";
import type { paths } from "./generated";

const client = createClient<paths>({ baseUrl: process.argv[2] });
const params = { path: { fleet: "tiny" } };

const assign = (session_id: string) => client.POST("/v1/fleets/{fleet}/assign", { params, body: { session_id } });

async function main(): Promise<void> {
  const first = await assign("s-1");
  const again = await assign("s-1");
  const renewed = await client.POST("/v1/fleets/{fleet}/renew", { params, body: { session_ids: ["s-1", "s-2"] } });
  const completed = await client.POST("/v1/fleets/{fleet}/complete", { params, body: { session_id: "s-1" } });
  const session = { session_id: "s-3" };
  const operations = [{ assign: session }, { complete: session }, { assign: session }];
  const bulk = await client.POST("/v1/fleets/{fleet}/operations", { params, body: { operations } });
  const refused = await assign("s-1");
  const code: "session_ended" | undefined = refused.error?.code === "session_ended" ? refused.error.code : undefined;
  console.log(
    JSON.stringify({
      assigned: [first.response.status, first.data?.session_id, first.data?.replayed],
      "assigned again": [again.data?.session_id, again.data?.replayed],
      renewed: [renewed.data?.renewed, renewed.data?.unknown],
      completed: completed.data?.outcome,
      bulk: bulk.data?.outcomes.map((outcome) => outcome.status),
      refused: [refused.response.status, code, refused.error?.reason],
    }),
  );
}

main();
