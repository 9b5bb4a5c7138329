# hook call
f0:
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r0, %r1
    jeq %r1, %r2, i11
    mov %r3, %r1
i5:
    ldxb %r4, [%r3]
    mov %r0, %r3
    jeq32 %r4, 32, i11
    add %r3, 1
    mov %r0, %r2
    jne %r3, %r2, i5
i11:
    sub %r0, %r1
    exit
