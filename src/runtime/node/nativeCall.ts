/** Memory of calls on other threads: the garbage collector must see it until they end. */
const inFlight = new Set<readonly unknown[]>();

/** Begins a call of the native library off the event loop, and holds the memory that it works on until its end. Rejects where it could not be made. */
export async function nativeCall<R>(
  memory: readonly unknown[],
  begin: (done: (error: Error | null, result: R) => void) => void,
): Promise<R> {
  inFlight.add(memory);
  try {
    return await new Promise<R>((resolve, reject) => {
      begin((error, result) => (error ? reject(error) : resolve(result)));
    });
  } finally {
    inFlight.delete(memory);
  }
}
