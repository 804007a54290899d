/** Keys, as they are written on a keyboard. */
export function Keys({ keys }: { keys: string }) {
  return (
    <span className="inline-flex items-center gap-1">
      {keys.split(' ').map((key, place) => (
        <kbd
          key={`${place}-${key}`}
          className="min-w-5 rounded border bg-sunken px-1 text-center font-mono text-[12px] text-muted-foreground leading-5"
        >
          {key}
        </kbd>
      ))}
    </span>
  );
}
