/**
 * openapi-backend for a contract that is linted already and requests that are parsed already: it validates, checks the security
 * and dispatches as ever, without looking for the operation and copying the headers again for each of its steps.
 *
 * Deliberately absent: the handlers, and what is answered when something does not fit (`contract.ts`).
 */
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { type Document, OpenAPIBackend, type Operation, type ParsedRequest, type Request, type ValidationResult } from "openapi-backend";

type Values = { [name: string]: unknown };

type Sent = Omit<Request, "query" | "body"> & { readonly query: Values; readonly body: unknown };

/** With the operation that it is for. */
interface RoutedRequest extends ParsedRequest<unknown, Values, Values, Request["headers"], Values> {
  readonly operation: Operation;
}

export class ContractBackend extends OpenAPIBackend {
  /** Those whose path is always the same, by method and path. */
  readonly #plain = new Map<string, Operation>();
  #match!: (request: Request) => Operation | undefined;
  #parse!: (request: Request, operation: Operation) => ParsedRequest<unknown, Values, Values, Request["headers"], Values>;

  /** `document` is the bundled contract. */
  constructor(document: object) {
    super({ definition: requestSide(document), strict: true, quick: true, customizeAjv: ({ formats }) => createAjv(formats) });
  }

  /** openapi-backend checks every document against the OpenAPI 3.0 schema, which a 3.1 document cannot pass. */
  override validateDefinition(): Document {
    return this.document;
  }

  override async init(): Promise<this> {
    await super.init();
    const { router } = this;
    // Listed anew for every request unless told: the operations of a loaded document do not change.
    const all = router.getOperations();
    const byId = new Map(all.map((operation) => [operation.operationId, operation]));
    router.getOperations = () => all;
    router.getOperation = (operationId) => byId.get(operationId);
    for (const operation of all)
      if (!operation.path.includes("{")) this.#plain.set(`${operation.method.toUpperCase()} ${operation.path}`, operation);
    // It parses a request three times and looks for its operation twice.
    this.#match = router.matchOperation.bind(router);
    this.#parse = router.parseRequest.bind(router);
    router.parseRequest = ((request: RoutedRequest) => request) as typeof router.parseRequest;
    router.matchOperation = (request: Request) => (request as RoutedRequest).operation;
    this.validator.validateRequest = (request) => this.#validate(request as RoutedRequest);
    return this;
  }

  match(method: string, path: string): Operation | undefined {
    return this.#plain.get(`${method} ${path}`) ?? this.#match({ method, path, headers: {} });
  }

  /** Against the validators that were made of the contract; what the original looks for besides, a JSON text in the query or the body, is none of this contract's. */
  #validate({ operation, params, query, headers, requestBody }: RoutedRequest): ValidationResult<Request> {
    const sent = { path: params, query, header: headers, cookie: {}, ...(requestBody === undefined ? {} : { requestBody }) };
    for (const validate of this.validator.getRequestValidatorsForOperation(operation.operationId!) ?? [])
      if (validate(sent) !== true) return { valid: false, errors: validate.errors ?? [] };
    return { valid: true, errors: null };
  }

  handle(request: RoutedRequest, context: unknown): Promise<unknown> {
    // Its types know queries of words only.
    return this.handleRequest(request as unknown as Request, context);
  }

  /** `request` has its query as values, its headers' names in lower case, as Node has them, and its body as an object. */
  parse(request: Request, operation: Operation): RoutedRequest {
    if (operation.path.includes("{")) return { ...this.#parse(request, operation), operation };
    const { method, path, query, headers, body } = request as Sent;
    return { method, path, query, headers, params: {}, cookies: {}, body, requestBody: body, operation };
  }
}

function createAjv(formats: Ajv2020["formats"]): Ajv2020 {
  const ajv = new Ajv2020({
    // One error is enough for the reply, and a body of a million wrong items must not make a million of them.
    allErrors: false,
    strict: false,
    discriminator: true,
    // Errors bring the schema that was broken, so that they can say what would have been right.
    verbose: true,
    formats,
  });
  return addFormats.default(ajv);
}

/**
 * The part of the document that requests are held against: no replies, no prose, and no `discriminator.mapping`,
 * which Ajv refuses (the property name alone tells the branches apart). Its tags stay, for the error that names them.
 */
function requestSide(document: object): Document {
  const text = JSON.stringify(document, (key, value: unknown) => {
    if (key === "responses") return {};
    if (key === "description" && typeof value === "string") return undefined;
    if (key === "discriminator") {
      const { propertyName, mapping } = value as { propertyName: string; mapping: object };
      return { propertyName, tags: Object.keys(mapping) };
    }
    return value;
  });
  return JSON.parse(text) as Document;
}
