import { AbrController, type Events, type FragBufferedData, type FragLoadedData } from 'hls.js';

// More than this before the first byte isn't the network: the server was making what was asked for.
const NETWORK_DELAY_MS = 300;

/** The times of one transfer, as hls.js keeps them. */
export interface TransferTimes {
  start: number;
  first: number;
}

/** Takes the time that the server held a request out of the times of its transfer. */
export function forgiveHold(times: TransferTimes): void {
  if (times.first > 0) times.start = Math.max(times.start, times.first - NETWORK_DELAY_MS);
}

/**
 * The level choice of hls.js, with an idea of the network that isn't spoiled by a patient server.
 *
 * hls.js takes the time that a request was held for the network's delay, and expects it of the next requests too. After a
 * rung whose segments were made on demand it would move up only behind everything that is buffered, 7 s later in our test.
 */
export class PatientAbr extends AbrController {
  protected override onFragLoaded(event: Events.FRAG_LOADED, data: FragLoadedData): void {
    forgiveHold((data.part ?? data.frag).stats.loading);
    super.onFragLoaded(event, data);
  }

  protected override onFragBuffered(event: Events.FRAG_BUFFERED, data: FragBufferedData): void {
    forgiveHold((data.part ?? data.frag).stats.loading);
    super.onFragBuffered(event, data);
  }
}
