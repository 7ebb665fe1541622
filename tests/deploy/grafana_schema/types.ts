import type { AnnotationQuery, Dashboard, DataQuery } from "@grafana/schema";

/** What JSON has for a type of Grafana: the values of its enums, whose members a JSON file cannot name. */
export type JsonOf<T> = T extends string
  ? `${T}`
  : T extends number
    ? number extends T
      ? number
      : `${T}` extends `${infer N extends number}`
        ? N
        : never
    : T extends object
      ? { [K in keyof T]: JsonOf<T[K]> }
      : T;

type Mark = AnnotationQuery<DataQuery & { expr: string }>;

/** A dashboard whose annotations are queries of Prometheus. */
export type Board = Omit<Dashboard, "annotations"> & { annotations: { list: Mark[] } };
