interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** What a request answered; throws the problem where it was refused. */
export async function answered<T>(request: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await request;
  if (!response.ok) throw error;
  return data as T;
}
