// A component that is dropped anywhere on a page is to be deployed.

import { useEffect, useState } from 'preact/hooks';
import { toastProblem } from '../ui/toast';
import { Problem } from '../api';
import { DeployDialog, askToDeploy } from './dialog';

/** Takes dropped files for as long as it is there. */
export function DropZone({ service = null }: { service?: string | null }) {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const files = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const drag = (event: DragEvent) => {
      if (!files(event)) return;
      event.preventDefault();
      setOver(true);
    };
    // It leaves the window, not only one element of it for the next.
    const leave = (event: DragEvent) => event.relatedTarget === null && setOver(false);
    const drop = (event: DragEvent) => {
      if (!files(event)) return;
      event.preventDefault();
      setOver(false);
      const dropped = [...(event.dataTransfer?.files ?? [])];
      const [file] = dropped;
      if (dropped.length === 1 && file) askToDeploy(file, service);
      else toastProblem(new Problem(0, 'several_files', 'One component at a time', `${dropped.length} files were dropped.`));
    };
    document.addEventListener('dragover', drag);
    document.addEventListener('dragleave', leave);
    document.addEventListener('drop', drop);
    return () => {
      document.removeEventListener('dragover', drag);
      document.removeEventListener('dragleave', leave);
      document.removeEventListener('drop', drop);
    };
  }, [service]);
  return (
    <>
      {over && <div class="drop" aria-hidden="true"><div>Drop it to deploy it{service ? ` to ${service}` : ''}</div></div>}
      <DeployDialog />
    </>
  );
}
