// Judges Kusto queries with Microsoft's own language service, against the tables of Application Insights that they ask.
//
//   node judge_queries.js <folder of @kusto/language-service-next>
//
// Reads a JSON object {name: query} from standard input; writes {name: {problems: [text], columns: {name: type}}}.
// The tables: https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces and .../apprequests, in the names that the component
// has for them. `success` is a text there.
"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const TABLES = {
  traces:
    "(timestamp: datetime, message: string, severityLevel: int, customDimensions: dynamic, operation_Name: string, itemCount: int)",
  requests:
    "(timestamp: datetime, id: string, name: string, success: string, resultCode: string, duration: real, " +
    "customDimensions: dynamic, operation_Name: string, itemCount: int)",
};

globalThis.self = globalThis.window = globalThis; // the library is made for browsers
for (const file of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  vm.runInThisContext(fs.readFileSync(path.join(process.argv[2], file), "utf8"), { filename: file });
}
const { KustoCode, GlobalState, Symbols } = globalThis.Kusto.Language;

const items = (list) => Array.from({ length: list.Count }, (_, index) => list.getItem(index));
const tables = Object.entries(TABLES).map(([name, schema]) => new Symbols.TableSymbol.$ctor7(name, schema, null));
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor("component", tables));

function judge(query) {
  const code = KustoCode.ParseAndAnalyze(query, globals);
  const problems = items(code.GetDiagnostics()).map((found) => `${found.Message} at "${query.substr(found.Start, 40)}"`);
  const columns = code.ResultType && code.ResultType.Columns ? items(code.ResultType.Columns) : [];
  return { problems, columns: Object.fromEntries(columns.map((column) => [column.Name, column.Type.Name])) };
}

const queries = JSON.parse(fs.readFileSync(0, "utf8"));
console.log(JSON.stringify(Object.fromEntries(Object.entries(queries).map(([name, query]) => [name, judge(query)]))));
