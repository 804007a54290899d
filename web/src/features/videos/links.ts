import { useRouter } from '@tanstack/react-router';
import { type MouseEvent, useCallback } from 'react';

interface VideoLink {
  href: string;
  onClick: (event: MouseEvent) => void;
}

/**
 * What leads to a video's page. It is made of next to nothing, where a link of the router follows where one is, and
 * makes its address anew: a list that is scrolled shows twenty others in each frame.
 */
export function useVideoLinks(): (assetId: string) => VideoLink {
  const router = useRouter();
  return useCallback(
    (assetId) => ({
      href: `${router.basepath.replace(/\/$/, '')}/videos/${assetId}`,
      onClick: (event) => {
        const isElsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0;
        if (isElsewhere || event.defaultPrevented) return;
        event.preventDefault();
        void router.navigate({ to: '/videos/$assetId', params: { assetId } });
      },
    }),
    [router],
  );
}
