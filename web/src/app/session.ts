import type { QueryClient } from '@tanstack/react-query';
import { api, type Schemas, type Scope } from '../api/client';
import { told } from '../api/problem';
import { chooseOrganization, chosenOrganization } from './organization';

export type Caller = Schemas['Caller'];

export const callerQuery = () => api.queryOptions('get', '/api/v1/caller', {}, { staleTime: 60_000, retry: false });

/** Who is logged in; null where nobody is. An organization that one was put out of is forgotten. */
export async function findCaller(queries: QueryClient): Promise<Caller | null> {
  try {
    return await queries.ensureQueryData(callerQuery());
  } catch (error) {
    const { status, code } = told(error);
    if (code === 'organization_not_found' && chosenOrganization()) {
      chooseOrganization('');
      return findCaller(queries);
    }
    if (status === 401) return null;
    throw error;
  }
}

/** Who is logged in. Only below the pages that ask for it. */
export function useCaller(): Caller {
  const { data } = api.useSuspenseQuery('get', '/api/v1/caller', {}, { staleTime: 60_000 });
  return data;
}

/** Whether one may do what asks for this scope; what one may not is not offered. */
export function useMay(scope: Scope): boolean {
  return useCaller().scopes.includes(scope);
}
