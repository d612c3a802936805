/// The page's one style sheet. The colours are told apart by people who see fewer of them (after Okabe and
/// Ito), are lighter where the background is dark, and never say anything alone.
enum Style {
    static let sheet = """
        :root {
          color-scheme: light dark;
          --page: #fcfcfa; --text: #1d1f21; --soft: #5d6166; --rule: #e3e3de; --axis: #9a9c9e;
          --t0: #0072b2; --t1: #c44e00; --t2: #00815e; --t3: #a8508a; --t4: #7a6a00;
          --good: #00704f; --bad: #b83a00;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #16181a; --text: #e6e6e3; --soft: #a3a7ab; --rule: #2d3033; --axis: #74787c;
            --t0: #56b4e9; --t1: #f0924a; --t2: #2fc79a; --t3: #e08cc0; --t4: #e0cb4a;
            --good: #3ecfa0; --bad: #ff9a5c;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0; background: var(--page); color: var(--text);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
          font-variant-numeric: tabular-nums;
        }
        main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 64px; }
        h1 { font-size: 26px; line-height: 1.2; margin: 0 0 8px; }
        h2 { font-size: 20px; line-height: 1.3; margin: 44px 0 4px; }
        h4 { font-size: 14px; margin: 20px 0 4px; }
        p { margin: 0 0 12px; }
        .lead { color: var(--soft); max-width: 74ch; }
        .targets { display: flex; flex-wrap: wrap; gap: 4px 18px; font-weight: 600; }
        .remarks { color: var(--soft); padding-left: 20px; margin: 0 0 12px; max-width: 74ch; }
        .name { white-space: nowrap; }
        svg.key { width: 12px; height: 12px; margin-right: 5px; vertical-align: -1px; }
        .cards {
          display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 8px 24px;
          margin: 20px 0 0;
        }
        .card { border-top: 2px solid var(--t0); padding-top: 6px; }
        .large { font-size: 26px; line-height: 1.25; font-weight: 600; }
        .what { color: var(--soft); font-size: 13px; line-height: 1.35; }
        .scroll { overflow-x: auto; margin: 8px 0 4px; }
        table { border-collapse: collapse; font-size: 14px; line-height: 1.35; }
        th, td { text-align: left; padding: 5px 16px 5px 0; vertical-align: baseline; font-weight: 400; }
        thead th {
          color: var(--soft); font-size: 13px; border-bottom: 1px solid var(--axis); vertical-align: bottom;
        }
        tbody tr + tr > * { border-top: 1px solid var(--rule); }
        td.number, td.goal, td.verdict { white-space: nowrap; }
        td.number small { display: block; color: var(--soft); font-size: 11.5px; }
        td.goal { color: var(--soft); }
        tbody th, thead th:first-child { position: sticky; left: 0; background: var(--page); }
        .mark { display: inline-block; width: 1.3em; }
        .held { font-weight: 600; }
        .good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
        figure { margin: 16px 0 0; min-width: 0; }
        figcaption { font-size: 14px; font-weight: 600; line-height: 1.35; margin-bottom: 4px; }
        .charts {
          display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 345px), 1fr));
          gap: 12px 28px;
        }
        .chart { display: flex; flex-direction: column; justify-content: space-between; max-width: 460px; }
        .chart svg { width: 100%; height: auto; display: block; }
        svg text { fill: var(--text); font-size: 12px; }
        svg .tick, svg .unit { fill: var(--soft); font-size: 11.5px; }
        .grid { stroke: var(--rule); stroke-width: 1; }
        .axis { stroke: var(--axis); stroke-width: 1; }
        .t0 { --colour: var(--t0); } .t1 { --colour: var(--t1); } .t2 { --colour: var(--t2); }
        .t3 { --colour: var(--t3); } .t4 { --colour: var(--t4); }
        .line {
          fill: none; stroke: var(--colour); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round;
        }
        .band { fill: var(--colour); opacity: 0.14; }
        .whisker { stroke: var(--colour); stroke-width: 1.2; }
        .leader { fill: none; stroke: var(--colour); stroke-width: 0.8; opacity: 0.7; }
        .marker { fill: var(--colour); stroke: var(--page); stroke-width: 1; }
        svg text.label { fill: var(--colour); font-weight: 600; }
        table.bars { width: 100%; max-width: 860px; border-collapse: collapse; }
        table.bars th, table.bars td { padding: 0; border: 0; vertical-align: middle; }
        table.bars th:not([colspan]) { width: 11.5em; }
        table.bars th { padding-right: 10px; line-height: 1.2; }
        table.bars th.unit, table.bars th.phase { color: var(--soft); font-size: 13px; }
        table.bars td.number { width: 7.5em; padding-left: 10px; }
        table.bars tr.heading th { padding: 8px 10px 2px 0; font-weight: 600; font-size: 13.5px; }
        table.bars tr + tr > * { border: 0; }
        table.bars svg { display: block; overflow: visible; }
        table.bars svg.key { display: inline-block; }
        .bar { fill: var(--colour); }
        rect.bar:not(.strong) { opacity: 0.38; }
        .extremes { stroke: var(--text); stroke-width: 1.2; }
        details { margin-top: 14px; border-top: 1px solid var(--rule); padding-top: 8px; }
        summary { cursor: pointer; font-weight: 600; font-size: 14px; }
        @media (max-width: 560px) {
          main { padding: 20px 14px 48px; }
          th, td { padding-right: 12px; }
          tbody th[scope=row]:not(.phase) { min-width: 10.5em; }
          table.bars th[scope=row] { min-width: 0; }
          table.bars th:not([colspan]) { width: 8.4em; font-size: 12.5px; padding-right: 6px; }
          table.bars td.number { width: 6em; font-size: 12.5px; padding-left: 6px; }
        }
        @media print { details > * { display: block; } }
        """
}
