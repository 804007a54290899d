import { Component, type ReactNode } from 'react';
import { sayProblem } from './messages';

interface OptionalProps {
  /** Stands in its place where it can't be had. */
  instead?: ReactNode;
  /** Is told where it can't be had, after that was said; without it nothing is said. */
  onLost?: () => void;
  children: ReactNode;
}

/** Something that the page goes on without where its code can't be fetched. */
export class Optional extends Component<OptionalProps, { lost: boolean }> {
  override state = { lost: false };

  static getDerivedStateFromError() {
    return { lost: true };
  }

  override componentDidCatch(error: unknown) {
    if (!this.props.onLost) return;
    sayProblem(error);
    this.props.onLost();
  }

  override render() {
    return this.state.lost ? this.props.instead : this.props.children;
  }
}
