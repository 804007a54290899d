/** The platform's sign. */
export function Mark() {
  return (
    <svg aria-hidden viewBox="0 0 24 24" className="size-5 shrink-0 fill-primary">
      <path d="M4 3h16a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2Zm5.5 4.8v8.4a.6.6 0 0 0 .9.5l7-4.2a.6.6 0 0 0 0-1l-7-4.2a.6.6 0 0 0-.9.5Z" />
    </svg>
  );
}
