import sys,time
sys.path.insert(0,'tests/twin/advise')
import pytest
from datetime import timedelta
def test_x(dsn, site, clock):
    from seeded import seed
    from core.jobs import Context
    from core.settings import Settings
    from twin.advise import engine, verify
    from core import db
    t=time.perf_counter()
    p=seed(dsn, site, clock.now()); print('seed',time.perf_counter()-t); t=time.perf_counter()
    print(p.calibrate(), 'cal',time.perf_counter()-t); t=time.perf_counter()
    p.forecast(clock.now()-timedelta(minutes=10))
    from core.settings import load_settings
    ctx=Context(load_settings(), site, clock, dsn)
    t=time.perf_counter()
    print(engine.propose(ctx), time.perf_counter()-t)
    t=time.perf_counter()
    print(engine.propose(ctx), time.perf_counter()-t)
    with db.connect(dsn) as c:
        for r in c.execute("select * from recommendation").fetchall():
            for k,v in r.items(): print(k,v)
        for r in c.execute("select * from recommendation_event").fetchall(): print(r)
